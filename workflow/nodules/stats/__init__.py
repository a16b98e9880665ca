"""Numbers from numbers: seeds, resampling, ranks, calibration, overlap, correlation."""
