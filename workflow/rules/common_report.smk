# Contents and style of the report, shared by the rules that draw figures and write pages.
from nodules.report import data_set, words
from nodules.report.catalogue import TITLES, figures_of

# The captions' folder; build_report.py writes them elsewhere in a data set's own terms.
CAPTIONS = os.environ.get("NODULES_CAPTIONS", "../report")


report: f"{CAPTIONS}/workflow.rst"


FIGURES = figures_of(
    DETECTORS,
    config["tasks"],
    maskrcnn=MASKRCNN,
    track=TRACK,
    test=HELD_OUT is not None,
    follow_up=FOLLOW_UP,
)
# Those among them that compare systems.
BESIDE_FIGURES = [name for name in ("confidence_by_system", "system_costs") if name in FIGURES]
MAPS = {"explanations": EXPLAINABLE, "gates": "attention_unet" in DETECTORS}
LOOKED_AT = ["hits", "misses", "false_alarms"]
# The 3-D gallery judges hits by the official distance, so it is left out where hits are overlaps.
GALLERY = [
    *LOOKED_AT,
    *(name for name, run in MAPS.items() if run),
    *(f"{kind}_3d" for kind in LOOKED_AT if IN_3D and not OVERLAP),
]
FURTHER_PAGES = {"malignancy": MALIGNANCY, "follow_up": FOLLOW_UP}
PAGES = ["metrics", "scans", "run"] + [page for page, run in FURTHER_PAGES.items() if run]
# The comparison of systems: its table and its statements.
COMPARISON = [f"results/evaluation/comparison.{form}" for form in ("parquet", "json")]
# Which parts of the run the page of numbers describes in sentences.
TOLD = dict(detection=True, trends=PRESENCE, explanations=EXPLAINABLE, reduction_track=TRACK)
# Submissions to LUNA16's false-positive-reduction track: all locations, one file per set.
TRACK_MARKS = expand(
    "results/submissions/reduction_track_{system}_{set}.csv", system=names.REDUCERS, set=SETS
)
# Whether Mask R-CNN is smaller than published; the report then calls it a small baseline.
SMALL_BASELINE = MASKRCNN and runs.is_small(config["maskrcnn"])
# A data set's own terms for lesion and organ; empty for lung nodules.
WORDS = data_set.words(config)
# What captions state besides n.
CAPTIONED = {
    "resamples": config["scoring"]["bootstrap"],
    "small": SMALL_BASELINE,
    **({"words": WORDS} if WORDS else {}),
}
FORMS = ["svg", "png", "pdf", "md"]  # of each figure; the last is its caption
RESULTS_AND_RUN = "1 Results and run"


def figure_files():
    """Every figure in all formats, with its caption."""
    return expand("results/figures/{name}.{form}", name=FIGURES, form=FORMS)


def shown(path, category, **label):
    """Mark an output for the report, with the caption file of the same name."""
    caption = f"{CAPTIONS}/{Path(path).stem}.rst"
    return report(path, caption=caption, category=category, labels=label)


def drawn(name):
    """Output files of one figure; its SVG goes into the report, numbered in the figures' order."""
    place = FIGURES.index(name) + 1 if name in FIGURES else 0
    title = f"{place:02d} {words.in_text(words.of(WORDS), TITLES[name])}"
    svg = shown(f"results/figures/{name}.svg", "2 Figures", figure=title)
    return [svg, *(f"results/figures/{name}.{form}" for form in FORMS[1:])]


def reported_files():
    """All files that the report shows."""
    return [
        *expand("results/figures/{name}.svg", name=FIGURES),
        *expand("results/gallery/{kind}.png", kind=GALLERY),
        *expand("results/report/{page}.html", page=[*PAGES, "costs"]),
    ]


def linked_pages():
    """Pages and pictures that the first page links to, relative to the results folder."""
    predicted = expand(
        "results/predicted/{page}.html", page=["report", "reader"] if EXAMPLE else []
    )
    own = ["results/report.html", "results/config.yaml", *reported_files(), *predicted]
    return [path.removeprefix("results/") for path in own]


def track_files():
    """All files of LUNA16's false-positive-reduction track, whether or not the report covers it."""
    return [
        "results/evaluation/reduction_track.json",
        *TRACK_MARKS,
        *expand("results/figures/locations_froc.{form}", form=FORMS),
    ]


def pngs(wildcards):
    """Folders of slices as PNG files, if the config asks for them."""
    if config["slices"]["png"] == "none":
        return []
    return expand("results/slices/png/{uid}", uid=scans())
