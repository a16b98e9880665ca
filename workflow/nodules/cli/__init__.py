"""The command `luna16`: `main`, and a file for each larger subcommand."""
