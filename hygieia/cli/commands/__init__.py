"""One module for each family of subcommands."""
