"""Architectures: how each network is built and how it is run on slices and crops."""
