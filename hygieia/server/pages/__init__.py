"""The few pages that this server shows to people, and their style. No script."""
