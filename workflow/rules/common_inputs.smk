# What rules take in: slices, volumes and networks of a part, and what networks are told of them.
from nodules.base.files import UserError


def stacks(part, truth=True):
    """Input function: slices, their tables and masks of the scans that a part's jobs may touch.

    truth: False for what runs on scans alone, without masks.
    """
    own = ["results/slices/{uid}.npy", "results/slices/{uid}.parquet"]
    own += ["results/masks/{uid}.parquet"] if truth else []

    def files(wildcards):
        return expand(own, uid=part_scans(part.format(**wildcards)))

    return files


def all_stacks(wildcards):
    """Slices, their tables and masks of every scan, whatever part it is of."""
    own = [
        "results/slices/{uid}.npy",
        "results/slices/{uid}.parquet",
        "results/masks/{uid}.parquet",
    ]
    return expand(own, uid=scans())


def networks_unseen(model, part="{part}", members=("",)):
    """Input functions `models` and `weights`: the networks that have not seen a part's scans.

    For the scans that a fold leaves out: its own; for the held-out subset: every fold's.
    members: folders of a fold, where it has several networks.
    """

    def files(name):
        def networks(wildcards):
            asked = part.format(**wildcards)
            folds = FOLD_PARTS if asked == "test" else [asked]
            places = [f"{fold}/{member}".rstrip("/") for fold in folds for member in members]
            own = model.format(**wildcards)
            return [f"results/models/{own}/{place}/{name}" for place in places]

        return networks

    return {"models": files("model.json"), "weights": files("model.pt")}


def start_weights(section):
    """Weights that a network starts from: none, ImageNet's or a checked copy of the user's file."""
    kept = {"random": [], "imagenet": "results/weights/resnet50_imagenet.pth"}
    return kept.get(config[section].get("weights", "random"), f"results/weights/{section}.pth")


def facts(**fed):
    """What a network's manifest says of the data and of how its input is prepared."""
    prepared = {"lungs": LUNGS_BY, "slices": all_but("slices", "png")}
    return {"data": config["data"]["source"], "folds": len(FOLDS), "input": prepared | fed}


def volume_facts(**fed):
    """What the manifest of a network in 3-D says of the data and of how its input is prepared."""
    prepared = {"lungs": LUNGS_BY, "volumes": config["volumes"]}
    return {"data": config["data"]["source"], "folds": len(FOLDS), "input": prepared | fed}


def overlap_files(wildcards):
    """Where overlap makes a hit: the sheet, the first detector's regions, then grids and masks."""
    if not OVERLAP:
        return []
    regions = f"results/detection/{FIRST}/{wildcards.part}/regions.parquet"
    own = ("results/slices/{}.parquet", "results/masks/{}.parquet")
    each = [path.format(uid) for uid in part_scans(wildcards.part) for path in own]
    return ["results/scans/scans.parquet", regions, *each]


def adopted(uid, name):
    """A file of a scan that was brought into LUNA16's layout, by the end of its name."""
    return f"{source.case.FOLDER}/{uid}/{uid}_{name}"


def volumes(part):
    """Input function: volumes of the scans that a part's jobs may touch."""
    own = [f"results/volumes/{{uid}}{end}" for end in (".npy", "_lung.npy", ".parquet")]
    return lambda wildcards: expand(own, uid=part_scans(part.format(**wildcards)))


def taught(wildcards):
    """What is true of the scans that a fold's networks in 3-D may touch."""
    return expand("results/masks/{uid}.parquet", uid=part_scans(f"fold_{wildcards.fold}"))


def judged_elsewhere(wildcards):
    """What the second stage in 3-D says of the parts of all other folds."""
    others = [part for part in FOLD_PARTS if part != wildcards.part]
    return expand("results/reduction/{part}/judged.parquet", part=others)


def predicted():
    """Folders of findings of all scans of the sheet."""
    if not SHEET:
        raise UserError(f"predict.scans names no sheet of scans. {scan_sheet.EXPLAINED}")
    return expand("results/predictions/{scan}", scan=SHEET)
