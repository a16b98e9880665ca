# Input functions: slices, volumes and networks of a part; and the facts in a network's manifest.
from nodules.base.files import UserError


def stacks(part, truth=True):
    """Input function: slices, slice tables and masks of the scans that a part's jobs may read.

    truth: False for rules that need no masks.
    """
    own = ["results/slices/{uid}.npy", "results/slices/{uid}.parquet"]
    own += ["results/masks/{uid}.parquet"] if truth else []

    def files(wildcards):
        return expand(own, uid=part_scans(part.format(**wildcards)))

    return files


def all_stacks(wildcards):
    """Slices, slice tables and masks of every scan, in all parts."""
    own = [
        "results/slices/{uid}.npy",
        "results/slices/{uid}.parquet",
        "results/masks/{uid}.parquet",
    ]
    return expand(own, uid=scans())


def networks_unseen(model, part="{part}", members=("",)):
    """Input functions `models` and `weights`: the networks that were not trained on a part's scans.

    For a fold's left-out scans, that fold's networks; for the held-out subset, those of every fold.
    members: subfolders of a fold, if it has an ensemble.
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
    """Initial weights of a network: none, ImageNet's, or the checked copy of the user's file."""
    kept = {"random": [], "imagenet": "results/weights/resnet50_imagenet.pth"}
    return kept.get(config[section].get("weights", "random"), f"results/weights/{section}.pth")


def facts(**fed):
    """Facts for a 2-D network's manifest: the data, and how its input is prepared."""
    prepared = {"lungs": LUNGS_BY, "slices": all_but("slices", "png")}
    return {"data": config["data"]["source"], "folds": len(FOLDS), "input": prepared | fed}


def volume_facts(**fed):
    """Facts for a 3-D network's manifest: the data, and how its input is prepared."""
    prepared = {"lungs": LUNGS_BY, "volumes": config["volumes"]}
    return {"data": config["data"]["source"], "folds": len(FOLDS), "input": prepared | fed}


def overlap_files(wildcards):
    """If hits are overlaps: scan sheet, the first detector's regions, slice tables and masks."""
    if not OVERLAP:
        return []
    regions = f"results/detection/{FIRST}/{wildcards.part}/regions.parquet"
    own = ("results/slices/{}.parquet", "results/masks/{}.parquet")
    each = [path.format(uid) for uid in part_scans(wildcards.part) for path in own]
    return ["results/scans/scans.parquet", regions, *each]


def adopted(uid, name):
    """A file of a scan that was converted to LUNA16's layout; `name` ends its file name."""
    return f"{source.case.FOLDER}/{uid}/{uid}_{name}"


def volumes(part):
    """Input function: volumes of the scans that a part's jobs may read."""
    own = [f"results/volumes/{{uid}}{end}" for end in (".npy", "_lung.npy", ".parquet")]
    return lambda wildcards: expand(own, uid=part_scans(part.format(**wildcards)))


def truth_masks(wildcards):
    """Reference masks of the scans that a fold's 3-D networks may be trained on."""
    return expand("results/masks/{uid}.parquet", uid=part_scans(f"fold_{wildcards.fold}"))


def judged_elsewhere(wildcards):
    """The second 3-D stage's scores on the parts of all other folds."""
    others = [part for part in FOLD_PARTS if part != wildcards.part]
    return expand("results/reduction/{part}/judged.parquet", part=others)


def predicted():
    """Folders with the findings of all scans in the sheet predict.scans."""
    if not SHEET:
        raise UserError(f"predict.scans names no sheet of scans. {scan_sheet.EXPLAINED}")
    return expand("results/predictions/{scan}", scan=SHEET)
