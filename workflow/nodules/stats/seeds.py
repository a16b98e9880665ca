"""One seed for everything: rules, folds, epochs and samples each derive their own."""

import hashlib

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on the config's seed and the names, and on nothing else."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """NumPy's generator for a derived seed."""
    return np.random.default_rng(derive(seed, *names))
