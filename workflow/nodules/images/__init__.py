"""Voxel positions and values: geometry, file formats, resampling."""
