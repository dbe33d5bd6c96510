"""The ``hygieia`` command. Subcommands import what they need only when they run."""
