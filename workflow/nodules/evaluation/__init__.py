"""Evaluation against the reference: scores, statements, names of systems and sets."""
