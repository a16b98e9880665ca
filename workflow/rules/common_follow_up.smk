# Pairs of scans of one patient at two times: the phantom's, or those in the user's table.
from nodules.datasets import follow_up_pairs
from nodules.datasets.phantom import second

# The phantom's second scans have a folder of their own, so that the data set does not change.
SECOND = second.planned("results/follow_up/scans", FOUND, config) if PHANTOM else []
SECOND_TIMES = {time.uid: time for time in SECOND}


def listed_pairs():
    """The pairs of this run. Raises UserError if the table cannot be used."""
    table = config["follow_up"]["pairs"]
    if PHANTOM or FIGURES_ONLY or not table:
        return [follow_up_pairs.PairOf(*row) for row in second.pairs(SECOND)]
    pairs = follow_up_pairs.read(table)
    follow_up_pairs.require_scans(table, pairs, SCANS)
    return pairs


PAIRS = listed_pairs()
FOLLOW_UP = PHANTOM or bool(config["follow_up"]["pairs"])


def pair_files(wildcards, suffix):
    """Headers or voxel files of all scans in pairs, without duplicates."""
    uids = dict.fromkeys(uid for pair in PAIRS for uid in (pair.prior, pair.current))
    return [getattr(SECOND_TIMES.get(uid) or SCANS[uid], suffix) for uid in uids]
