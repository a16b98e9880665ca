"""Catalogue of systems, networks, masks and sets of scans, with their names, colours and files.

A new system needs an entry here and its rules. The Snakefile reads this module, so it imports
nothing slow. A colour is a key of `report.plotting.PALETTE`; a path has a wildcard `{part}` for
the scans that one job processes.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

UNET, RESNET, MASKRCNN = "U-Net", "ResNet50", "Mask R-CNN"
ATTENTION, TRANSFORMER = "Attention U-Net", "Swin U-Net"
UNET3D, REDUCTION = "3-D U-Net", "3-D CNN"
TEST, OUT_OF_FOLD = "test", "out_of_fold"

Dash = str | tuple[int, tuple[int, ...]]  # a Matplotlib line style


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Fields of all entries: a key for tables and files, a name for people, a colour."""

    key: str
    name: str  # in titles, legends and column headings
    colour: str


@dataclass(frozen=True)
class Source:
    """A table of a system's answers, with one file per part, and the column that holds them."""

    path: str
    table: str
    score: str


@dataclass(frozen=True, kw_only=True)
class System(Entry):
    """A system whose answers are scored: it finds nodules, or tells malignant from benign.

    networks: trained models in the order in which they are applied. needs: the task, or maskrcnn,
    that a run must include to have the system; "" if none. If this is the presence task, the
    system is the run's first detector followed by the ResNet50. scores: the answers to score;
    slices: confidences per slice.
    """

    short: str  # name where space is short
    said: str  # name within a sentence
    dash: Dash
    marker: str
    networks: tuple[str, ...] = ()
    needs: str = ""
    scores: Source
    slices: Source | None = None


@dataclass(frozen=True, kw_only=True)
class Network(Entry):
    """A trained model. quality: the meaning of `val_metric`; train, apply: names of its rules.

    job: name of a job's benchmark file; includes the network if several networks share the rule.
    """

    quality: str
    train: str
    apply: str
    job: str = "{part}"


@dataclass(frozen=True, kw_only=True)
class Mask(Entry):
    """A kind of mask that is compared with the readers' consensus, nodule by nodule.

    definition: of the comparison. regions: path of a network's regions, "" if the mask is a
    reader's or a sphere; only a network can miss a nodule.
    """

    short: str
    said: str
    definition: str
    regions: str = ""


@dataclass(frozen=True, kw_only=True)
class ScanSet(Entry):
    """A set of scans on which systems are scored."""

    dash: str
    marker: str

    @property
    def said(self) -> str:
        """Phrase for these scans within a sentence."""
        return f"the {self.name} scans"


@dataclass(frozen=True)
class Pair:
    """Two entries of one kind whose difference is shown, first minus second."""

    first: str
    second: str
    colour: str = ""
    marker: str = ""

    @property
    def key(self) -> str:
        """Key of the difference in JSON files."""
        return f"{self.first}_minus_{self.second}"

    @property
    def keys(self) -> tuple[str, str]:
        """Keys of both entries."""
        return self.first, self.second


Named = TypeVar("Named", bound=Entry)


def _by_key(*entries: Named) -> dict[str, Named]:
    return {entry.key: entry for entry in entries}


# Cross-validation leads wherever one set is shown, since it has more scans; the test is grey.
SETS = _by_key(
    ScanSet(key=OUT_OF_FOLD, name="cross-validation", colour="black", dash="-", marker="o"),
    ScanSet(key=TEST, name="test", colour="grey", dash="--", marker="s"),
)


def _segmenter(key: str, name: str, colour: str) -> Network:
    """A segmentation network other than the U-Net, with the rules that these share."""
    rules = {"train": "train_segmenter", "apply": "detect_segmenter", "job": f"{key}_{{part}}"}
    return Network(key=key, name=name, colour=colour, quality="Pixel Dice", **rules)


def _malignant(key: str, name: str, colour: str) -> Network:
    """A network that classifies nodules as benign or malignant; a run has one."""
    rules = {"train": "train_malignancy", "apply": "classify_nodules", "quality": "AUC of nodules"}
    return Network(key=key, name=f"Malignancy {name}", colour=colour, **rules)


NETWORKS = _by_key(
    Network(
        key="unet",
        name=UNET,
        colour="blue",
        quality="Pixel Dice",
        train="train_unet",
        apply="detect_unet",
    ),
    _segmenter("attention_unet", ATTENTION, "sky"),
    _segmenter("transformer", TRANSFORMER, "orange"),
    Network(
        key="unet3d",
        name=UNET3D,
        colour="purple",
        quality="AUC of patches",
        train="train_unet3d",
        apply="detect_unet3d",
    ),
    Network(
        key="reduction",
        name=REDUCTION,
        colour="black",
        quality="AUC of cubes",
        train="train_reduction",
        apply="reduce_candidates",
    ),
    Network(
        key="presence",
        name=RESNET,
        colour="vermilion",
        quality="AUC",
        train="train_presence",
        apply="classify_candidates",
    ),
    _malignant("malignancy", RESNET, "wine"),
    _malignant("malignancy_cubes", REDUCTION, "sky"),
    Network(
        key="maskrcnn",
        name=MASKRCNN,
        colour="green",
        quality="Pixel Dice",
        train="train_maskrcnn",
        apply="detect_maskrcnn",
    ),
)


def _alone(key: str, dash: Dash, marker: str) -> System:
    """A detector on its own: its probability ranks its candidates."""
    network = NETWORKS[key]
    return System(
        key=key,
        name=f"{network.name} alone",
        short=network.name,
        said=f"the {network.name} alone",
        colour=network.colour,
        dash=dash,
        marker=marker,
        networks=(key,),
        scores=Source(
            f"results/detection/{key}/{{part}}/candidates.parquet", "candidates", "probability"
        ),
    )


def _with_resnet(key: str) -> System:
    """A detector followed by the ResNet50; a run has one such system, with its first detector."""
    both = f"{NETWORKS[key].name} + {RESNET}"
    return System(
        key=f"{key}_resnet",
        name=both,
        short=both,
        said=both,
        colour="vermilion",
        dash="-",
        marker="s",
        networks=(key, "presence"),
        needs="presence",
        scores=Source("results/presence/{part}/candidates.parquet", "classified", "confidence"),
        slices=Source("results/presence/{part}/slices.parquet", "slice_confidence", "confidence"),
    )


# Networks that find nodules in slices, by their keys in the config's `detectors`.
DETECTORS = ("unet", "attention_unet", "transformer")
# The 3-D detector, which has its own second stage.
IN_3D = "unet3d"

# Systems that find nodules.
SYSTEMS = _by_key(
    _alone("unet", "-.", "o"),
    _with_resnet("unet"),
    _alone("attention_unet", ":", "D"),
    _with_resnet("attention_unet"),
    _alone("transformer", (0, (5, 1, 1, 1, 1, 1)), "v"),
    _with_resnet("transformer"),
    _alone(IN_3D, (0, (3, 1, 1, 1)), "<"),
    System(
        key="unet3d_reduction",
        name=f"{UNET3D} + {REDUCTION}",
        short=f"{UNET3D} + CNN",
        said=f"the {UNET3D} with its second stage",
        colour="black",
        dash="-",
        marker="*",
        networks=(IN_3D, "reduction"),
        scores=Source("results/reduction/{part}/candidates.parquet", "classified", "confidence"),
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

# Systems that classify given locations (LUNA16's false-positive-reduction track). The task is not
# to find nodules, so they are scored among themselves, in separate files.
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


def _judging(key: str, network: str, name: str, said: str) -> System:
    """A network as a system that tells malignant nodules from benign ones."""
    path = f"results/malignancy/{key}/{{part}}/scores.parquet"
    return System(
        key=key,
        name=name,
        short=name,
        said=said,
        colour=NETWORKS[network].colour,
        dash="-",
        marker="o",
        networks=(network,),
        scores=Source(path, "malignancy_scores", "logit"),
    )


# Systems that tell malignant nodules from benign ones; each is compared with those after it.
MALIGNANCY = _by_key(
    _judging("resnet", "malignancy", RESNET, RESNET),
    _judging("cubes", "malignancy_cubes", REDUCTION, f"the {REDUCTION}"),
    System(
        key="radiomics",
        name="Radiomics",
        short="radiomics",
        said="the radiomics model",
        colour="olive",
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
        colour="grey",
        dash="-.",
        marker="D",
        # Ranked by the diameter itself, since the models' logits differ from fold to fold.
        scores=Source(
            "results/malignancy/classical/{part}/scores.parquet", "malignancy_scores", "diameter_mm"
        ),
    ),
)


# Key in MALIGNANCY of a run's own network, by the config's `malignancy.network`.
JUDGES = {"resnet": "resnet", "reducer3d": "cubes"}


def _regions(key: str) -> Mask:
    """The mask made of a network's regions."""
    network = NETWORKS[key]
    return Mask(
        key=key,
        name=network.name,
        short=network.name,
        said=f"the {network.name}" if key in DETECTORS else network.name,
        colour=network.colour,
        definition=f"{network.name}'s regions against the readers' consensus",
        regions=f"results/detection/{key}/{{part}}/regions.parquet",
    )


MASKS = _by_key(
    *(_regions(key) for key in (*DETECTORS, "maskrcnn")),
    Mask(
        key="reduction",
        name=f"{UNET3D} + {REDUCTION}",
        short=REDUCTION,
        said=f"the {REDUCTION} on the {UNET3D}'s candidates",
        colour="black",
        definition=f"{REDUCTION}'s regions against the readers' consensus",
        regions="results/reduction/{part}/regions.parquet",
    ),
    Mask(
        key="reader",
        name="one reader against the others",
        short="one reader",
        said="one reader against the others",
        colour="brown",
        definition="each reader against the other readers' consensus",
    ),
    Mask(
        key="sphere",
        name="sphere of the annotated diameter",
        short="sphere",
        said="a sphere of the annotated diameter",
        colour="grey",
        definition="sphere of the annotated diameter against the readers' consensus",
    ),
)


def present(entries: Iterable[Named], keys: Collection[str]) -> Iterator[Named]:
    """Entries whose keys are present, in the catalogue's order."""
    return (entry for entry in entries if entry.key in keys)


def set_name(key: str) -> str:
    """Name of a set of scans: one of SETS, or a fold's left-out scans."""
    return SETS[key].name if key in SETS else part_name(key)


def part_name(key: str) -> str:
    """Readable name of a part: `test`, or `fold <k>` for `fold_<k>`."""
    return key.replace("_", " ")
