"""Certificates, secret keys, envelopes and signed notes; the only importer of pgpy."""
