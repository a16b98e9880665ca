"""Candidates in one part of the scans, detected by networks on slices, for a rule."""

from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from nodules.base import tables
from nodules.inference.detection import CandidateSettings, detect, joined, predict
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.stacks import open_stacks


def detect_part(job: Any, uids: Sequence[str], detector: str) -> None:
    """Write candidates, their regions and the most probable pixel of each slice of some scans.

    job: Snakemake's, with input (stacks, models), output (candidates, regions, peaks),
    params.candidates, wildcards.part, threads and resources. detector: its name in the tables.
    """
    device = of_job(job).device
    models = [bundle.restore(path, device) for path in job.input.models]
    networks, context = [m.network for m in models], models[0].input["context"]
    shown = f"detect {job.wildcards.part}"
    stacks = tqdm(open_stacks(job.input.stacks, uids), desc=shown, unit="scan")
    settings = CandidateSettings(**job.params.candidates)
    found = joined(
        detect(stacks, lambda stack: predict(networks, stack, context, device), detector, settings)
    )
    tables.write(job.output.candidates, "candidates", found.candidates)
    tables.write(job.output.regions, "regions", found.regions)
    tables.write(job.output.peaks, "slice_peaks", found.peaks)
