"""Every table of the workflow: its columns, types, units and meaning, checked on read and write."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nodules.files import UserError, atomic

STR, INT, REAL, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
REALS, INTS, BYTES = pa.list_(REAL), pa.list_(INT), pa.binary()


@dataclass(frozen=True)
class Column:
    """One column: name, Arrow type, unit ("" where there is none) and meaning."""

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
    Column("nodule", INT, "", "reference nodule that the official rule hits, 0 for none"),
    Column("excluded", BOOL, "", "whether an excluded finding is hit: neither true nor false"),
)

TABLES: dict[str, tuple[Column, ...]] = {
    # One row per scan found, good or bad.
    "scans": (
        UID,
        Column("patient", STR, "", "LIDC patient; the UID itself where the patient is unknown"),
        Column("subset", INT, "", "LUNA16 subset 0-9"),
        Column("header", STR, "", "path of the .mhd header"),
        Column("data", STR, "", "path of the voxel file"),
        Column("labels", STR, "", "path of a nodule label volume beside the scan, or empty"),
        Column("status", STR, "", "ok or skipped"),
        *GEOMETRY,
        Column("hu_min", INT, "HU", "lowest voxel value"),
        Column("hu_max", INT, "HU", "highest voxel value"),
        Column("bytes", INT, "bytes", "size of the voxel file"),
        Column("sha256", STR, "", "hash of the voxel file"),
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
        Column("nodule", INT, "", "number within the scan, from 1, in the order of the list"),
        *POINT,
        DIAMETER,
    ),
    "excluded": (UID, *POINT, DIAMETER),
    "locations": (UID, *POINT, Column("label", INT, "", "1 nodule, 0 not (candidates_V2)")),
    # Reader contours, one row per reader, nodule and slice; indices on the grid as stored on disk.
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
    # Binary masks, one row per region and slice.
    "regions": (
        UID,
        Column("kind", STR, "", "sphere, readers, reader_1.., labels, unet, maskrcnn"),
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
        Column("nodules", INTS, "", "reference nodules whose sphere crosses the slice"),
        Column("nodule_mm2", REAL, "mm^2", "area of those spheres' cross-sections"),
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
    "classified": (
        *CANDIDATE,
        Column("confidence", REAL, "", "ResNet50's probability of a nodule"),
        Column("logit", REAL, "", "ResNet50's output before the sigmoid, averaged over models"),
    ),
    # One row per slice that a network has not seen.
    "slice_scores": (
        UID,
        Column("slice", INT, "", "slice index"),
        Column("loss", REAL, "nat/px", "mean binary cross-entropy of the slice's pixels"),
        Column("probability", REAL, "", "highest pixel probability of the slice"),
        Column("predicted_px", INT, "px", "pixels above the threshold"),
        Column("truth_px", INT, "px", "pixels of the reference mask"),
        Column("overlap_px", INT, "px", "pixels in both"),
        Column("peak_y", INT, "px", "row of the highest probability"),
        Column("peak_x", INT, "px", "column of the highest probability"),
    ),
    "slice_confidence": (
        UID,
        Column("slice", INT, "", "slice index"),
        Column("confidence", REAL, "", "ResNet50's probability of a nodule on this slice"),
        Column("loss", REAL, "nat", "ResNet50's binary cross-entropy against presence"),
        Column("present", BOOL, "", "whether the reference mask has a nodule on this slice"),
    ),
    # One row per epoch of a training.
    "history": (
        Column("model", STR, "", "unet, resnet or maskrcnn"),
        Column("fold", INT, "", "fold that was left out"),
        Column("epoch", INT, "", "from 1"),
        Column("train_loss", REAL, "", "mean loss over the epoch's samples"),
        Column("val_loss", REAL, "", "mean loss over the left-out scans' samples"),
        Column("val_metric", REAL, "", "pixel Dice (segmentation) or AUC (classification)"),
        Column("val_confidence", REAL, "", "mean probability on the left-out nodules"),
        Column("samples", INT, "", "samples seen in the epoch"),
        Column("seconds", REAL, "s", "duration of the epoch's training"),
        Column("weights_sha256", STR, "", "hash of the weights after the epoch"),
    ),
    # Evaluation (docs/evaluation.md defines every number).
    "froc": (
        *SYSTEM_SET,
        Column("point", STR, "", "corner of the curve, or band: a point where bounds are given"),
        Column("fp_per_scan", REAL, "1/scan", "false positives per scan"),
        Column("sensitivity", REAL, "", "share of the reference nodules found"),
        Column("threshold", REAL, "", "corner: marks at or above it count; empty before the first"),
        *BOUNDS,
    ),
    "marks": (
        *SYSTEM_SET,
        UID,
        Column("candidate", INT, "", "number of the candidate within its scan, from 1"),
        *POINT,
        Column("probability", REAL, "", "the system's score"),
        Column("status", STR, "", "FP, TP, double, dropped (on an excluded finding) or capped"),
        Column("nodule", INT, "", "reference nodule hit, 0 for none"),
    ),
    "nodule_hits": (
        *SYSTEM_SET,
        UID,
        Column("nodule", INT, "", "number within the scan, from 1"),
        DIAMETER,
        Column("hit", BOOL, "", "whether a mark hits it"),
        Column("candidate", INT, "", "mark credited with it, 0 for none"),
        Column("probability", REAL, "", "that mark's score; empty where missed"),
    ),
    # One row per reference nodule, comparison and reader; 3-D on the native grid.
    "segmentation": (
        SET,
        UID,
        Column("nodule", INT, "", "number within the scan, from 1"),
        DIAMETER,
        Column("diameter_class", STR, "mm", "<5, 5-8, 8-12, 12-20 or >=20"),
        Column("comparison", STR, "", "unet, reader or sphere"),
        Column("reader", INT, "", "the reader compared with the others' consensus, else 0"),
        Column("detected", BOOL, "", "whether the compared mask shares a voxel with the reference"),
        Column("candidates", INTS, "", "unet: candidates whose regions overlap the nodule"),
        Column("dice", REAL, "", "2 |A and B| / (|A| + |B|); 0 for a missed nodule"),
        Column("iou", REAL, "", "|A and B| / |A or B|"),
        Column("sensitivity", REAL, "", "|A and B| / |reference|"),
        Column("surface_mm", REAL, "mm", "average symmetric surface distance; empty where missed"),
        Column("reference_mm3", REAL, "mm^3", "volume of the reference"),
        Column("predicted_mm3", REAL, "mm^3", "volume of the compared mask"),
    ),
    "classification_curves": (
        SET,
        Column("curve", STR, "", "roc or pr"),
        Column("x", REAL, "", "roc: false-positive rate; pr: recall"),
        Column("y", REAL, "", "roc: true-positive rate; pr: precision"),
        Column("threshold", REAL, "", "confidence at or above which a candidate is a nodule"),
    ),
    "reliability": (
        SET,
        Column("scaled", BOOL, "", "after temperature scaling"),
        *BOUNDS,
        Column("n", INT, "", "candidates with a confidence in [low, high)"),
        Column("confidence", REAL, "", "their mean confidence"),
        Column("nodules", REAL, "", "share of them that are nodules"),
    ),
    "trend_slices": (
        SET,
        Column("index", INT, "", "place in the order: scans by UID, slices from feet to head"),
        UID,
        Column("slice", INT, "", "slice index"),
        Column("present", BOOL, "", "whether the reference mask has a nodule on this slice"),
        Column("confidence", REAL, "", "ResNet50's probability of a nodule on this slice"),
        Column("certainty", REAL, "", "the larger of confidence and 1 - confidence"),
        Column("running_confidence", REAL, "", "mean confidence of this and all earlier slices"),
        Column("running_certainty", REAL, "", "mean certainty of this and all earlier slices"),
        Column("resnet_loss", REAL, "nat", "ResNet50's binary cross-entropy against presence"),
        Column("unet_loss", REAL, "nat/px", "U-Net's mean binary cross-entropy"),
    ),
    "trend_windows": (
        SET,
        Column("window", INT, "", "number, from 1, among the last windows"),
        Column("first", INT, "", "index of the window's first slice"),
        Column("n", INT, "slices", "slices in the window"),
        Column("confidence", REAL, "", "mean confidence"),
        Column("certainty", REAL, "", "mean certainty"),
        Column("resnet_loss", REAL, "nat", "mean ResNet50 loss"),
        Column("unet_loss", REAL, "nat/px", "mean U-Net loss"),
    ),
    "risk_coverage": (
        SET,
        Column("task", STR, "", "segmentation (risk 1 - Dice, nodules) or decision (candidates)"),
        Column("coverage", REAL, "", "share kept, the surest first"),
        Column("risk", REAL, "", "mean risk of those kept"),
        *BOUNDS,
        Column("oracle", REAL, "", "the same if the order were perfect"),
    ),
    # One row per detected nodule, and per bin of certainty: is confidence a proxy for quality?
    "proxy_nodules": (
        SET,
        UID,
        Column("nodule", INT, "", "number within the scan, from 1"),
        DIAMETER,
        Column("confidence", REAL, "", "highest ResNet50 confidence of its candidates"),
        Column("probability", REAL, "", "highest U-Net score of its candidates"),
        Column("dice", REAL, "", "Dice of the U-Net's regions against the readers' consensus"),
    ),
    "certainty_bins": (
        SET,
        *BOUNDS,
        Column("n", INT, "", "candidates with a certainty in [low, high)"),
        Column("certainty", REAL, "", "their mean certainty, max(p, 1 - p)"),
        Column("right", REAL, "", "share of them that are called rightly at p >= 0.5"),
    ),
    "metrics": (
        Column("metric", STR, "", "name of the number"),
        *SYSTEM_SET,
        Column("value", REAL, "", "empty where it is undefined"),
        *BOUNDS,
        Column("n", INT, "", "units it is taken over"),
        Column("unit", STR, "", "what those units are"),
        Column("definition", STR, "", "how it is defined, or why it is undefined"),
    ),
}


def schema(name: str) -> pa.Schema:
    """Arrow schema of a table, with units and meanings as field metadata."""
    return pa.schema(
        [
            pa.field(c.name, c.type, metadata={"unit": c.unit, "meaning": c.meaning})
            for c in TABLES[name]
        ],
        metadata={"table": name},
    )


def columns(name: str) -> list[str]:
    """Column names of a table, in order."""
    return [column.name for column in TABLES[name]]


def frame(name: str, rows: Iterable[dict] | pd.DataFrame = ()) -> pd.DataFrame:
    """A data frame with exactly the declared columns and types; rows may come in any order.

    Raises ValueError where a column is missing, unknown or of another type.
    """
    data = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if data.empty and not len(data.columns):
        data = pd.DataFrame(columns=columns(name))
    _check_names(name, data.columns, "the rows given")
    arrow = pa.Table.from_pandas(data[columns(name)], schema(name), preserve_index=False)
    return _to_pandas(arrow)


def write(path: str | os.PathLike[str], name: str, data: pd.DataFrame | Iterable[dict]) -> None:
    """Write a table as Parquet, whole or not at all, after checking it against its schema."""
    checked = frame(name, data)
    arrow = pa.Table.from_pandas(checked, schema(name), preserve_index=False)
    with atomic(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read(path: str | os.PathLike[str], name: str) -> pd.DataFrame:
    """Read a table and check its columns and types; UserError where the file is something else."""
    try:
        # One file, opened as such: a folder name such as "fold=1" must not become a column.
        with pq.ParquetFile(path) as stream:
            arrow = stream.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: not a readable Parquet file ({error}). Delete it and run snakemake again."
        ) from error
    _check_names(name, arrow.column_names, str(path))
    try:
        return _to_pandas(arrow.select(columns(name)).cast(schema(name)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UserError(f"{path}: a column of table '{name}' has another type: {error}") from error


def read_all(paths: Iterable[str | os.PathLike[str]], name: str) -> pd.DataFrame:
    """Read several files of one table into one frame."""
    parts = [read(path, name) for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else frame(name)


def _check_names(name: str, found: Iterable[str], where: str) -> None:
    found, expected = set(found), set(columns(name))
    if found != expected:
        missing, unknown = sorted(expected - found), sorted(found - expected)
        raise ValueError(f"{where}: not table '{name}': missing {missing}, unknown {unknown}")


def _to_pandas(arrow: pa.Table) -> pd.DataFrame:
    """Arrow to pandas with plain NumPy columns; strings as Python objects, lists as arrays."""
    return arrow.to_pandas()
