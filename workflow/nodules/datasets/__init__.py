"""Data sets: which scans exist, what is known about them, and their division into folds."""
