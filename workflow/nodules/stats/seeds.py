"""Seeds for rules, folds, epochs and samples, all derived from the config's one seed."""

import hashlib

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """63-bit seed that depends only on the config's seed and the names."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """NumPy random generator with a derived seed."""
    return np.random.default_rng(derive(seed, *names))
