"""Derived seeds are stable and differ from each other."""

import hashlib

from nodules.stats import seeds


def test_the_same_names_give_the_same_seed_for_ever():
    first = hashlib.sha256(b"2016/unet/0").hexdigest()[:16]
    assert seeds.derive(2016, "unet", 0) == int(first, 16) // 2


def test_every_name_counts():
    derived = {seeds.derive(s, m, f) for s in range(5) for m in ("a", "b") for f in range(5)}
    assert len(derived) == 50
    assert seeds.derive(1, "a", 2) != seeds.derive(1, "a2")
    assert all(0 <= seed < 2**63 for seed in derived)


def test_generators_repeat():
    assert seeds.generator(1, "x").random() == seeds.generator(1, "x").random()
