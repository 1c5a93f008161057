"""The subcommands: what is typed, and what is printed."""
