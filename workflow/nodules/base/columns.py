"""Columns of the tables: name, type, unit and meaning; columns_results has those of results."""

from dataclasses import dataclass

import pyarrow as pa

STR, INT, REAL, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
REALS, INTS, BYTES = pa.list_(REAL), pa.list_(INT), pa.binary()


@dataclass(frozen=True)
class Column:
    """One column: name, Arrow type, unit ("" for none) and meaning."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str


UID = Column("seriesuid", STR, "", "series instance UID of the scan")
GEOMETRY = (
    Column("origin", REALS, "mm", "world x, y, z of the centre of the grid's first voxel"),
    Column("spacing", REALS, "mm", "voxel spacing along the grid's x, y, z axes"),
    Column("direction", REALS, "", "3 x 3 direction matrix, row-major"),
    Column("shape", INTS, "voxels", "grid size z, y, x"),
)
POINT = (
    Column("x", REAL, "mm", "world x (LPS)"),
    Column("y", REAL, "mm", "world y (LPS)"),
    Column("z", REAL, "mm", "world z (LPS)"),
)
RATINGS = (
    "subtlety",
    "internal_structure",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "malignancy",
)
DIAMETER = Column("diameter_mm", REAL, "mm", "diameter; -1 where none was measured")
NODULE = Column("nodule", INT, "", "number within the scan, from 1, in the order of the list")
SET = Column("set", STR, "", "fold_<k>, out_of_fold (all folds' left-out scans) or test")
SYSTEM_SET = (Column("system", STR, "", "what gave the marks: unet, unet_resnet, ..."), SET)
BOUNDS = (
    Column("low", REAL, "", "lower bound: of the 95 % interval over scans, or of a bin"),
    Column("high", REAL, "", "upper bound"),
)
CANDIDATE = (
    UID,
    Column("candidate", INT, "", "number of the candidate within its scan, from 1"),
    *POINT,
    DIAMETER,
    Column("probability", REAL, "", "the detecting network's score, 0 to 1"),
    Column("volume_mm3", REAL, "mm^3", "volume of the segmented component"),
    Column("n_slices", INT, "slices", "number of slices that the component spans"),
)

TABLES: dict[str, tuple[Column, ...]] = {
    # One row per scan found, good or bad.
    "scans": (
        UID,
        Column("patient", STR, "", "by patients.csv, else by LIDC; the UID itself where unknown"),
        Column("subset", INT, "", "LUNA16 subset 0-9"),
        Column("header", STR, "", "path of the .mhd header"),
        Column("data", STR, "", "path of the voxel file"),
        Column("labels", STR, "", "path of a nodule label volume beside the scan, or empty"),
        Column("status", STR, "", "ok or skipped"),
        *GEOMETRY,
        Column("hu_min", INT, "HU", "lowest voxel value"),
        Column("hu_max", INT, "HU", "highest voxel value"),
        Column("bytes", INT, "bytes", "size of the voxel file"),
        Column("sha256", STR, "", "hash of the voxel file as it is stored, compressed or not"),
        Column("n_nodules", INT, "", "reference nodules of the scan"),
    ),
    # One row per defect of the input.
    "defects": (
        Column("file", STR, "", "file, or file and line, with the defect"),
        UID,
        Column("reason", STR, "", "what is wrong"),
        Column("remedy", STR, "", "what to do about it"),
        Column("fatal", BOOL, "", "whether the scan cannot be used"),
    ),
    "nodules": (
        UID,
        NODULE,
        *POINT,
        DIAMETER,
    ),
    "excluded": (UID, *POINT, DIAMETER),
    "locations": (UID, *POINT, Column("label", INT, "", "1 nodule, 0 not (candidates_V2)")),
    # One row: how a scan's lungs were found, and their measurements.
    "lungs": (
        UID,
        Column(
            "method", STR, "", "that found them: the config's, else density; empty where none did"
        ),
        Column("litres", REAL, "l", "their volume"),
        Column("extent_mm", REAL, "mm", "from their lowest to their highest slice"),
        Column("left", REAL, "", "share of the volume on the left of the body's middle"),
        Column("body_share", REAL, "", "share of the body's volume in the slices with lung"),
        Column("hu", REAL, "HU", "median"),
        Column("missed_litres", REAL, "l", "of lung's density in the body, and not among them"),
        Column("objection", STR, "", "why those of the config's method cannot be right, or empty"),
    ),
    # Two rows: the scan's own grid, reoriented nearest to LPS, and that of its stored volume.
    "volumes": (
        UID,
        Column("grid", STR, "", "native or volume"),
        *GEOMETRY,
    ),
    # Agreement of a scan's lungs with those of another method, on a grid of about 2 mm.
    "lung_agreement": (
        UID,
        Column("method", STR, "", "that found the lungs used, as in table lungs"),
        Column("other", STR, "", "the method that they are held against"),
        Column("dice", REAL, "", "3-D Dice of the two; empty where both found nothing"),
        Column("litres", REAL, "l", "volume of the lungs used"),
        Column("other_litres", REAL, "l", "volume by the other method"),
    ),
    # Readers' contours, one row per reader, nodule and slice; indices on the grid stored on disk.
    "contours": (
        UID,
        Column("annotation", INT, "", "one reader's outline of one nodule; unique in the scan"),
        Column("inclusion", BOOL, "", "true adds the polygon's inside, false removes it"),
        Column("z_index", REAL, "voxels", "slice index on the stored grid"),
        Column("xs", REALS, "voxels", "x indices of the polygon's corners, on the stored grid"),
        Column("ys", REALS, "voxels", "y indices of the polygon's corners, on the stored grid"),
    ),
    "ratings": (
        UID,
        Column("annotation", INT, "", "one reader's outline of one nodule; unique in the scan"),
        *(Column(name, INT, "", "LIDC rating") for name in RATINGS),
    ),
    # One row per reference nodule: the readers' ratings, and the label that models learn.
    "malignancy_labels": (
        UID,
        NODULE,
        *POINT,
        DIAMETER,
        Column("readers", INT, "", "readers who rated it; 0 where it joins no LIDC nodule"),
        Column("ratings", INTS, "", "their ratings, 1 highly unlikely to 5 highly suspicious"),
        Column("rating", REAL, "", "the ratings combined; empty without any"),
        Column("label", INT, "", "1 malignant, 0 benign, -1 left out"),
        Column("reason", STR, "", "how it was joined, and why it is left out"),
    ),
    # Each system's prediction for each nodule; one row per network of a system.
    "malignancy_scores": (
        Column("system", STR, "", "resnet, diameter or radiomics"),
        UID,
        NODULE,
        Column("member", INT, "", "network or model, from 0"),
        Column("logit", REAL, "", "output before the sigmoid"),
        Column("probability", REAL, "", "probability that it is malignant"),
    ),
    # Binary masks, one row per region and slice.
    "regions": (
        UID,
        Column("kind", STR, "", "sphere, readers, reader_1.., labels, unet, maskrcnn, lungs"),
        Column("grid", STR, "", "native (the scan's voxels, LPS) or slices (the stored slices)"),
        Column("region", INT, "", "nodule or candidate number within the scan"),
        Column("z", INT, "slices", "slice index"),
        Column("y0", INT, "px", "first row of the bounding box"),
        Column("x0", INT, "px", "first column of the bounding box"),
        Column("height", INT, "px", "rows of the bounding box"),
        Column("width", INT, "px", "columns of the bounding box"),
        Column("bits", BYTES, "", "the box's pixels, row by row, packed 8 to a byte"),
    ),
    # One row per stored slice; the geometry is that of the whole stack of stored slices.
    "slices": (
        UID,
        Column("slice", INT, "", "index in the stored stack, equal to the native slice index"),
        Column("z_mm", REAL, "mm", "world z of the slice's centre"),
        Column("crop_y0", INT, "voxels", "first native row of the crop box; may be negative"),
        Column("crop_x0", INT, "voxels", "first native column of the crop box; may be negative"),
        Column("crop_height", INT, "voxels", "native rows of the crop box"),
        Column("crop_width", INT, "voxels", "native columns of the crop box"),
        Column("mm_per_px", REAL, "mm", "pixel size of the stored slice"),
        Column("lung_mm2", REAL, "mm^2", "lung area"),
        *GEOMETRY,
    ),
    "folds": (
        UID,
        Column("patient", STR, "", "patient; never in two folds"),
        Column("subset", INT, "", "LUNA16 subset 0-9"),
        Column("n_nodules", INT, "", "reference nodules of the scan"),
        Column("fold", INT, "", "fold that leaves the scan out; -1 test subset; -2 not used"),
    ),
    "candidates": CANDIDATE,
    # The nodule or excluded finding that each candidate hits by the official rule.
    "matches": (
        UID,
        Column("candidate", INT, "", "number of the candidate within its scan, from 1"),
        Column("nodule", INT, "", "reference nodule that is hit, 0 for none"),
        Column("excluded", BOOL, "", "whether an excluded finding is hit: neither true nor false"),
    ),
    "classified": (
        *CANDIDATE,
        Column("confidence", REAL, "", "ResNet50's probability of a nodule"),
        Column("logit", REAL, "", "ResNet50's output before the sigmoid, averaged over models"),
    ),
    # One row per row of table `locations`, in its order: a classifier's prediction there.
    "location_scores": (
        UID,
        Column("location", INT, "", "number in the scan's list, from 1"),
        *POINT,
        Column("probability", REAL, "", "of a nodule; 0 where the place could not be judged"),
        Column("logit", REAL, "", "output before the sigmoid, averaged; empty where not judged"),
        Column("reason", STR, "", "why it could not be judged; empty where it was"),
    ),
    # One row per slice that a network was not trained on: its prediction, and how good it is.
    "slice_peaks": (
        UID,
        Column("slice", INT, "", "slice index"),
        Column("probability", REAL, "", "highest pixel probability of the slice"),
        Column("predicted_px", INT, "px", "pixels at or above the threshold"),
        Column("peak_y", INT, "px", "row of the highest probability"),
        Column("peak_x", INT, "px", "column of the highest probability"),
        Column("loss_if_empty", REAL, "nat/px", "mean binary cross-entropy if no pixel is nodule"),
    ),
    "slice_scores": (
        UID,
        Column("slice", INT, "", "slice index"),
        Column("loss", REAL, "nat/px", "mean binary cross-entropy of the slice's pixels"),
        Column("predicted_px", INT, "px", "pixels at or above the threshold"),
        Column("truth_px", INT, "px", "pixels of the reference mask"),
        Column("overlap_px", INT, "px", "pixels in both"),
    ),
    "slice_confidence": (
        UID,
        Column("slice", INT, "", "slice index"),
        Column("confidence", REAL, "", "the network's probability of a nodule on this slice"),
        Column("logit", REAL, "", "output before the sigmoid; empty where a network has none"),
    ),
    # One row per epoch of a training.
    "history": (
        Column("model", STR, "", "unet, presence, malignancy or maskrcnn"),
        Column("fold", INT, "", "fold that was left out"),
        Column("member", INT, "", "network of an ensemble, from 0"),
        Column("epoch", INT, "", "from 1"),
        Column("train_loss", REAL, "", "mean loss over the epoch's samples; empty without any"),
        Column("val_loss", REAL, "", "mean loss over the left-out scans' samples"),
        Column("val_metric", REAL, "", "pixel Dice (segmentation) or AUC (classification)"),
        Column("val_confidence", REAL, "", "mean probability on the left-out nodules"),
        Column("samples", INT, "", "samples seen in the epoch"),
        Column("seconds", REAL, "s", "duration of the epoch's training"),
        Column("weights_sha256", STR, "", "hash of the weights after the epoch"),
    ),
}
