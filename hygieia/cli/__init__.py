"""The ``hygieia`` command. Subcommands import what they need only when they run."""

# How a call ends that its person stops. Here, so that `start` can say it before `main` is loaded.
INTERRUPTED = 130
INTERRUPTED_WORDS = "interrupted; run again to resume."
