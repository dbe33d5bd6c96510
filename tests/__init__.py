"""Tests; `from tests.NAME import ...` reaches the factories that several of them share."""
