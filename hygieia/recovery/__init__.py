"""From a kit and any gateway back to files, with no server."""
