"""Architectures: how each is built, and how it is asked."""
