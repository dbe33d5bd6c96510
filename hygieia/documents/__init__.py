"""The document store: its port and its adapters."""
