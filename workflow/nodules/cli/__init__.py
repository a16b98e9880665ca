"""The command `luna16`: a front door, and a file for each larger subcommand."""
