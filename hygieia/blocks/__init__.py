"""The block store: its port, its adapters and the gateway reader."""
