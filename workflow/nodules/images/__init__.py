"""Where a voxel lies and what it holds; formats in and out."""
