"""From any chest CT to findings, with a model that a run exported."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nodules.base.files import FileDefect, UserError
from nodules.findings.extent import axes
from nodules.findings.found import Box, Finding, Findings
from nodules.images import reading
from nodules.images.geometry import Geometry
from nodules.images.reading import Found, Reading
from nodules.inference import exported
from nodules.inference.candidate import Candidate
from nodules.inference.detectors import SYSTEMS, Detector
from nodules.inference.ensemble import Ensemble, load
from nodules.inference.scan_lungs import ROLE, WAYS, LungFinder
from nodules.learning.machine import take
from nodules.prepare import lung_masks, lung_search, region, scan_check
from nodules.prepare.coarse_grid import decimate
from nodules.prepare.lung_check import REMEDY as NO_LUNGS
from nodules.prepare.lungs import AIR_HU
from nodules.stats.logits import scaled

CHOSEN = 0.5  # threshold if none could be fitted
MOST_THREADS = 8
BUILT_IN = ("phantom", "ellipsoid")  # data sources without patients
FOR_TRIALS = (
    "this model was trained on computer-made phantoms: what it finds, or misses, in a patient means"
    " nothing"
)
MASK_NEEDED = "its training scans came with a mask of the organ, which a new scan lacks"
TOLD = ("name", "version", "intended_use", "licence")  # copied from the manifest to findings

Tell = Callable[[str, float], object]


@dataclass(frozen=True, eq=False)
class Model:
    """A model ready for use: its manifest, its way to find lungs, and its detector."""

    manifest: dict
    lungs: LungFinder
    detector: Detector
    threshold: float
    temperature: float

    @property
    def about(self) -> dict:
        """The part of the manifest that is copied into every scan's findings, with its hash."""
        told = {key: self.manifest.get(key, "") for key in TOLD}
        return told | {"sha256": exported.identity(self.manifest), "manifest": self.manifest}


def open_model(path: str | Path, device: str = "auto", threads: int = 0) -> Model:
    """Read a model file and build its networks.

    device: auto (a free GPU, else the CPU), cpu, cuda or cuda:<number>. threads: of the CPU; 0 for
    all cores, but at most eight. Raises UserError if the file is not a model or the device does not
    exist.
    """
    if threads < 0:
        raise UserError(
            f"threads: {threads} is below 0. Give 0 for all cores, up to {MOST_THREADS}."
        )
    cores = threads or min(len(os.sched_getaffinity(0)), MOST_THREADS)
    machine = take(cores, gpu=device == "auto")
    made = load(path, _device(device, machine.device))
    system = SYSTEMS.get(made.manifest["system"])
    if system is None:
        reason = f"its system '{str(made.manifest['system'])[:40]}' is not known here"
        raise FileDefect(str(path), reason, "Use the version of luna16 that wrote it.")
    missing = [role for role in system.roles if not made.networks(role)]
    unknown = set(made.bundles) - {*system.roles, *system.further}
    if missing:
        raise FileDefect(str(path), f"it has no network {missing[0]}", exported.OTHER)
    if unknown:
        reason = f"what its network '{min(unknown)[:40]}' is for is not known here"
        raise FileDefect(str(path), reason, "Use the version of luna16 that wrote it.")
    try:
        fitted = made.manifest["settings"]
        return Model(
            made.manifest,
            _lungs(made, path),
            system.build(made),
            _fitted(fitted.get("threshold"), CHOSEN, 0.0, 1.0),
            _fitted(fitted.get("temperature"), 1.0, 1e-6, 1e6),
        )
    except KeyError as error:
        raise FileDefect(str(path), f"its manifest lacks {error}", exported.OTHER) from error
    except (AttributeError, TypeError, ValueError) as error:
        reason = f"its manifest cannot be used ({str(error)[:100]})"
        raise FileDefect(str(path), reason, exported.OTHER) from error


def _lungs(made: Ensemble, path: str | Path) -> LungFinder:
    """How a model finds lungs; FileDefect if the method is unknown or its networks are missing."""
    way = str(made.manifest["input"]["lungs"])
    if way == region.MASK:
        raise FileDefect(str(path), MASK_NEEDED, "Export one of a run with region.method body.")
    if way not in WAYS:
        reason = f"its lungs are found by '{way[:40]}', which is not known here"
        raise FileDefect(str(path), reason, "Use the version of luna16 that wrote it.")
    if way == lung_masks.UNET and ROLE not in made.bundles:
        raise FileDefect(str(path), f"it has no network {ROLE}", exported.OTHER)
    return LungFinder(way, made)


def _fitted(value: float | None, otherwise: float, least: float, most: float) -> float:
    """A fitted number, or the default if none could be fitted; ValueError if out of bounds."""
    number = otherwise if value is None else float(value)
    if not least <= number <= most:
        raise ValueError(f"a threshold or temperature of {number:g}")
    return number


def _device(asked: str, free: torch.device) -> torch.device:
    """The device asked for; UserError if there is none such."""
    if asked == "auto":
        return free
    try:
        device = torch.device(asked)
        torch.zeros(1, device=device).item()  # some devices accept a tensor but return none
    except Exception as error:  # torch raises many types for an invalid device
        reason = str(error).splitlines()[0][:80].rstrip(" .")
        raise UserError(
            f"--device {asked}: not a device here ({reason}). Name auto or cpu."
        ) from error
    return device


def predict(
    scan: str | Path | Found | Reading,
    model: str | Path | Model,
    series: str = "",
    device: str = "auto",
    threads: int = 0,
    tell: Tell = lambda step, share: None,
    lungs: str | Path | None = None,
) -> Findings:
    """Nodules that a model finds in a chest CT.

    scan: a DICOM folder, zip or file, .mhd, .mha, .nii, .nrrd, or one already read
    (`images.reading`). model: a file written by `snakemake export`, or what `open_model` returned.
    series: UID, if the DICOM holds several. tell: called with each step and the share of it done.
    lungs: header of the scan's lung mask, for a model trained with given masks.

    Raises UserError if the scan cannot be read, if the model is not valid or, for a model that
    segments lungs, if the scan is not a chest CT in HU.
    """
    _require_kinds(scan, model)
    ready = model if isinstance(model, Model) else open_model(model, device, threads)
    tell("read", 0.0)
    if isinstance(scan, Reading):
        read = scan
    else:
        read = scan.read() if isinstance(scan, Found) else reading.read(scan, series)
    tell("check", 0.0)
    notes = _checked(read, ready.lungs.chest)
    tell("lungs", 0.0)
    found_lungs, told = ready.lungs.find(read.voxels, read.geometry, Path(lungs) if lungs else None)
    notes += told
    if ready.manifest.get("data", {}).get("source") in BUILT_IN:
        notes.append(FOR_TRIALS)
    if found_lungs.method == lung_search.NONE:
        notes.append(f"no sign of lungs: {found_lungs.plausibility.reason.rstrip('.')}. {NO_LUNGS}")
    tell("detect", 0.0)
    found = ready.detector(
        read.voxels, read.geometry, found_lungs.mask, lambda share: tell("detect", share)
    )
    tell("measure", 0.0)
    middle = _middle(read.voxels, read.geometry)
    return Findings(
        uid=read.uid,
        source=read.source,
        form=read.form,
        geometry=read.geometry,
        stored=read.stored,
        lungs=found_lungs.plausibility.statement,
        notes=(*read.notes, *notes),
        threshold=ready.threshold,
        model=ready.about,
        found=tuple(_measured(found, read, ready, middle)),
    )


def _require_kinds(scan: object, model: object) -> None:
    """Raise an explanatory TypeError for anything but a path or this library's own types."""
    if isinstance(scan, np.ndarray):
        raise TypeError("an array has no place in the world: give reading.of_array(hu, geometry)")
    for name, value, own in (("scan", scan, (Found, Reading)), ("model", model, (Model,))):
        if not isinstance(value, (str, Path, *own)):
            known = " or ".join(kind.__name__ for kind in own)
            told = f"{name} is a {type(value).__name__}: give a path, or a {known}"
            raise TypeError(f"{told}. Many scans take one call each.")


def _checked(read: Reading, chest: bool) -> list[str]:
    """Remarks of `luna16 check` on a scan; for a chest, UserError if the check rejects it.

    Odd HU values are fatal in chests only, as they were when the model's own scans were checked.
    """
    told = scan_check.verdicts(read.voxels, read.geometry)
    for verdict in told:
        if verdict.fatal and chest:
            raise FileDefect(read.source, verdict.reason, verdict.remedy)
    return [verdict.reason for verdict in told]


def _middle(volume: NDArray[np.int16], geometry: Geometry) -> float:
    """World x of the column with half of the body's tissue on either side."""
    coarse, _ = decimate(volume, geometry)
    columns = np.cumsum((coarse >= AIR_HU).sum(axis=(0, 1)))
    share = (np.searchsorted(columns, columns[-1] / 2) + 0.5) / coarse.shape[2]
    slices, rows, width = geometry.shape
    return float(geometry.to_world((slices / 2, rows / 2, share * width - 0.5))[0])


def _measured(
    found: Sequence[Candidate], read: Reading, model: Model, middle: float
) -> list[Finding]:
    """Candidates as findings, in the same order, highest probability first.

    A voxel that several masks share belongs to the first of them.
    """
    taken = np.zeros(read.geometry.shape, np.bool_)
    findings = []
    for number, candidate in enumerate(found, 1):
        box, mask = _own(candidate, taken)
        taken[box] |= mask
        _, mm_y, mm_x = read.geometry.spacing_zyx
        long_mm, short_mm = axes(mask, (float(mm_y), float(mm_x)))
        findings.append(
            Finding(
                number=number,
                x=candidate.x,
                y=candidate.y,
                z=candidate.z,
                probability=candidate.probability,
                confidence=_calibrated(candidate, model.temperature),
                detection=candidate.detection,
                reported=candidate.probability >= model.threshold,
                diameter_mm=candidate.diameter_mm,
                volume_mm3=candidate.volume_mm3,
                long_mm=long_mm,
                short_mm=short_mm,
                mean_hu=float(read.voxels[box][mask].mean()) if mask.any() else float("nan"),
                malignancy=candidate.malignancy,
                side="left" if candidate.x > middle else "right",  # LPS: x grows to the left
                box=box,
                mask=mask,
            )
        )
    return findings


def _own(candidate: Candidate, taken: NDArray[np.bool_]) -> tuple[Box, NDArray[np.bool_]]:
    """A candidate's box on the native grid, and the part of its mask that is not yet taken."""
    z, y, x = (
        slice(start, start + n)
        for start, n in zip(candidate.corner, candidate.mask.shape, strict=True)
    )
    return (z, y, x), candidate.mask & ~taken[z, y, x]


def _calibrated(candidate: Candidate, temperature: float) -> float:
    """Calibrated probability that a candidate is a nodule; uncalibrated if it has no logit."""
    if np.isnan(candidate.logit):
        return candidate.probability
    return float(scaled(np.array([candidate.logit]), temperature)[0])
