"""Which scans there are and what is true of them; folds."""
