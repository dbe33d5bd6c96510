"""The hygieia command."""
