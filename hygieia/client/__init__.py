"""The SDK: transport and vault brought together."""
