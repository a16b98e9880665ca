"""The catalogue: every system, network, mask and set of scans, with its name, colour and files.

To add a system is an entry here and its rules. The Snakefile reads this module, so it imports
nothing that takes time. A colour is a key of `report.plotting.PALETTE`; a path has a wildcard
`{part}` for the scans that one job judges.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

UNET, RESNET, MASKRCNN = "U-Net", "ResNet50", "Mask R-CNN"
TEST, OUT_OF_FOLD = "test", "out_of_fold"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What all entries have: a key for tables and files, a name for people, a colour."""

    key: str
    name: str  # in titles, legends and heads of columns
    colour: str


@dataclass(frozen=True)
class Source:
    """A table that holds answers of a system, one file for each part, and the column of them."""

    path: str
    table: str
    score: str


@dataclass(frozen=True, kw_only=True)
class System(Entry):
    """What gives answers that are scored: candidates for nodules, or benign against malignant.

    networks: trained models in the order in which they answer. needs: the task, or maskrcnn,
    without which a run does not have it; "" for none. scores: what is scored; slices: the
    confidence in each slice.
    """

    short: str  # beside other systems in little room
    said: str  # within a sentence
    dash: str
    marker: str
    networks: tuple[str, ...] = ()
    needs: str = ""
    scores: Source
    slices: Source | None = None


@dataclass(frozen=True, kw_only=True)
class Network(Entry):
    """A model that is trained. quality: what `val_metric` is; train, apply: the rules."""

    quality: str
    train: str
    apply: str


@dataclass(frozen=True, kw_only=True)
class Mask(Entry):
    """What is compared with the readers' consensus, nodule by nodule.

    definition: what is held against what. regions: path of a network's regions, "" where the mask
    is a reader's or drawn; only a network can miss a nodule.
    """

    short: str
    said: str
    definition: str
    regions: str = ""


@dataclass(frozen=True, kw_only=True)
class ScanSet(Entry):
    """Scans on which systems are scored together."""

    dash: str
    marker: str

    @property
    def said(self) -> str:
        """The name within a sentence."""
        return f"the {self.name}"


@dataclass(frozen=True)
class Pair:
    """Two entries of one kind whose difference, first minus second, is shown."""

    first: str
    second: str
    colour: str = ""
    marker: str = ""

    @property
    def key(self) -> str:
        """Under which JSON files hold the difference."""
        return f"{self.first}_minus_{self.second}"

    @property
    def keys(self) -> tuple[str, str]:
        """Both entries' keys."""
        return self.first, self.second


Named = TypeVar("Named", bound=Entry)


def _by_key(*entries: Named) -> dict[str, Named]:
    return {entry.key: entry for entry in entries}


# The test comes first wherever one set is shown.
SETS = _by_key(
    ScanSet(key=TEST, name="held-out test scans", colour="blue", dash="-", marker="o"),
    ScanSet(
        key=OUT_OF_FOLD,
        name="left-out scans of all folds",
        colour="vermilion",
        dash="--",
        marker="s",
    ),
)

NETWORKS = _by_key(
    Network(
        key="unet",
        name=UNET,
        colour="blue",
        quality="Pixel Dice",
        train="train_unet",
        apply="detect_unet",
    ),
    Network(
        key="presence",
        name=RESNET,
        colour="vermilion",
        quality="AUC",
        train="train_presence",
        apply="classify_candidates",
    ),
    Network(
        key="malignancy",
        name=f"Malignancy {RESNET}",
        colour="purple",
        quality="AUC of nodules",
        train="train_malignancy",
        apply="classify_nodules",
    ),
    Network(
        key="maskrcnn",
        name=MASKRCNN,
        colour="green",
        quality="Pixel Dice",
        train="train_maskrcnn",
        apply="detect_maskrcnn",
    ),
)

# Systems that find nodules.
SYSTEMS = _by_key(
    System(
        key="unet",
        name=f"{UNET} alone",
        short=UNET,
        said=f"the {UNET} alone",
        colour="blue",
        dash="-.",
        marker="o",
        networks=("unet",),
        scores=Source(
            "results/detection/unet/{part}/candidates.parquet", "candidates", "probability"
        ),
    ),
    System(
        key="unet_resnet",
        name=f"{UNET} + {RESNET}",
        short=f"{UNET} + {RESNET}",
        said=f"{UNET} + {RESNET}",
        colour="vermilion",
        dash="-",
        marker="s",
        networks=("unet", "presence"),
        needs="presence",
        scores=Source("results/presence/{part}/candidates.parquet", "classified", "confidence"),
        slices=Source("results/presence/{part}/slices.parquet", "slice_confidence", "confidence"),
    ),
    System(
        key="maskrcnn",
        name=MASKRCNN,
        short=MASKRCNN,
        said=MASKRCNN,
        colour="green",
        dash="--",
        marker="^",
        networks=("maskrcnn",),
        needs="maskrcnn",
        scores=Source(
            "results/detection/maskrcnn/{part}/candidates.parquet", "candidates", "probability"
        ),
        slices=Source(
            "results/detection/maskrcnn/{part}/confidence.parquet", "slice_confidence", "confidence"
        ),
    ),
)
# Is the second stage worth it, and what do the two stages gain over one network?
SYSTEM_PAIRS = (
    Pair("unet_resnet", "unet"),
    Pair("unet", "maskrcnn"),
    Pair("unet_resnet", "maskrcnn"),
)
BESIDE = Pair("unet_resnet", "maskrcnn")  # compared slice by slice as well

# What judges places that are given (LUNA16's false-positive-reduction track): another task than to
# find nodules, so these are scored among themselves and in files of their own.
REDUCERS = _by_key(
    System(
        key="presence",
        name=f"{RESNET} on given locations",
        short=f"{RESNET} on locations",
        said=f"the {RESNET}",
        colour="vermilion",
        dash="-",
        marker="s",
        networks=("presence",),
        needs="presence",
        scores=Source(
            "results/locations/presence/{part}/scores.parquet", "location_scores", "probability"
        ),
    ),
)

# Systems that tell malignant nodules from benign ones; each is compared with those after it.
MALIGNANCY = _by_key(
    System(
        key="resnet",
        name=RESNET,
        short=RESNET,
        said=RESNET,
        colour="blue",
        dash="-",
        marker="o",
        networks=("malignancy",),
        scores=Source(
            "results/malignancy/resnet/{part}/scores.parquet", "malignancy_scores", "logit"
        ),
    ),
    System(
        key="radiomics",
        name="Radiomics",
        short="radiomics",
        said="the radiomics model",
        colour="vermilion",
        dash="--",
        marker="s",
        scores=Source(
            "results/malignancy/classical/{part}/scores.parquet", "malignancy_scores", "logit"
        ),
    ),
    System(
        key="diameter",
        name="Diameter alone",
        short="diameter",
        said="the diameter alone",
        colour="black",
        dash="-.",
        marker="D",
        # The diameter itself ranks: its models' logits differ from fold to fold.
        scores=Source(
            "results/malignancy/classical/{part}/scores.parquet", "malignancy_scores", "diameter_mm"
        ),
    ),
)
MALIGNANCY_PAIRS = (
    Pair("resnet", "diameter", "blue", "o"),
    Pair("radiomics", "diameter", "vermilion", "s"),
    Pair("resnet", "radiomics", "purple", "^"),
)

MASKS = _by_key(
    Mask(
        key="unet",
        name=UNET,
        short=UNET,
        said=f"the {UNET}",
        colour="blue",
        definition=f"{UNET}'s regions against the readers' consensus",
        regions="results/detection/unet/{part}/regions.parquet",
    ),
    Mask(
        key="maskrcnn",
        name=MASKRCNN,
        short=MASKRCNN,
        said=MASKRCNN,
        colour="green",
        definition=f"{MASKRCNN}'s regions against the readers' consensus",
        regions="results/detection/maskrcnn/{part}/regions.parquet",
    ),
    Mask(
        key="reader",
        name="one reader against the others",
        short="one reader",
        said="one reader against the others",
        colour="purple",
        definition="each reader against the other readers' consensus",
    ),
    Mask(
        key="sphere",
        name="sphere of the annotated diameter",
        short="sphere",
        said="a sphere of the annotated diameter",
        colour="black",
        definition="sphere of the annotated diameter against the readers' consensus",
    ),
)
MASK_PAIRS = (
    Pair("unet", "reader"),
    Pair("unet", "sphere"),
    Pair("sphere", "reader"),
    Pair("unet", "maskrcnn"),
    Pair("maskrcnn", "reader"),
    Pair("maskrcnn", "sphere"),
)


def of_run(tasks: Iterable[str], maskrcnn: bool) -> list[str]:
    """Keys of the detecting systems of a run with these tasks, and with Mask R-CNN or without."""
    done = {"", *tasks, *(["maskrcnn"] if maskrcnn else [])}
    return [key for key, system in SYSTEMS.items() if system.needs in done]


def regions_of(systems: Iterable[str]) -> dict[str, str]:
    """Path of the regions that each network of some systems draws, by the key of its mask."""
    networks = {network for key in systems for network in SYSTEMS[key].networks}
    return {key: mask.regions for key, mask in MASKS.items() if mask.regions and key in networks}


def with_network(network: str) -> list[str]:
    """Keys of the detecting systems that a network is part of."""
    return [key for key, system in SYSTEMS.items() if network in system.networks]


def steps() -> dict[str, tuple[str, str]]:
    """Network and step (training, inference) of each rule that a detecting system runs."""
    used = [network for network in NETWORKS.values() if with_network(network.key)]
    trained = {network.train: (network.key, "training") for network in used}
    return trained | {network.apply: (network.key, "inference") for network in used}


def present(entries: Iterable[Named], keys: Collection[str]) -> Iterator[Named]:
    """Those entries of the catalogue that a table has, in the catalogue's order."""
    return (entry for entry in entries if entry.key in keys)


def set_name(key: str) -> str:
    """The name of a set of scans: one of SETS, or a fold's left-out scans."""
    return SETS[key].name if key in SETS else f"left-out scans of {part_name(key)}"


def part_name(key: str) -> str:
    """`test` or `fold_<k>` as a reader has it."""
    return key.replace("_", " ")
