"""Statistics on plain arrays: seeds, resampling, ranks, calibration, overlap, correlation."""
