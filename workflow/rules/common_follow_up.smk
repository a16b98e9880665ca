# Which scans are of one patient at two times: the phantom's own, or a table of the user's.
from nodules.datasets import follow_up_pairs
from nodules.datasets.phantom import second

# The phantom's second scans lie apart from its data set, which they leave as it is.
SECOND = second.planned("results/follow_up/scans", FOUND, config) if PHANTOM else []
SECOND_TIMES = {time.uid: time for time in SECOND}
PAIRS = [follow_up_pairs.PairOf(*row) for row in second.pairs(SECOND)]
if config["follow_up"]["pairs"] and not PHANTOM and not FIGURES_ONLY:
    PAIRS = follow_up_pairs.read(config["follow_up"]["pairs"])
    follow_up_pairs.require_scans(config["follow_up"]["pairs"], PAIRS, SCANS)
FOLLOW_UP = bool(PAIRS) or bool(config["follow_up"]["pairs"])


def pair_files(wildcards, suffix):
    """Headers or voxel files of all scans in pairs, each once."""
    uids = dict.fromkeys(uid for pair in PAIRS for uid in (pair.prior, pair.current))
    return [getattr(SECOND_TIMES.get(uid) or SCANS[uid], suffix) for uid in uids]
