"""Answers held against truth: scores, statements, names of systems and sets."""
