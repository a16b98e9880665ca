"""Mine a fold's 3-D U-Net for false positives in its training scans, for the second stage."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.findings.candidate_hits import match
from nodules.findings.matches import false_alarms, with_matches
from nodules.inference import windows
from nodules.learning.machine import of_job
from nodules.learning.networks import bundle
from nodules.prepare.volumes import open_volumes


def main(snakemake):
    """Candidates that hit neither a nodule nor an excluded finding."""
    inputs, fold = snakemake.input, int(snakemake.wildcards.fold)
    uids, _ = folds.split(tables.read(inputs.folds, "folds"), fold)
    device = of_job(snakemake).device
    network = bundle.restore(inputs.model, device).network
    settings = windows.WindowSettings(**snakemake.params.windows)
    scans = tqdm(open_volumes(inputs.volumes, uids), desc=f"mine fold {fold}", unit="scan")
    found = [windows.detect([network], volume, settings, device) for volume in scans]
    candidates = tables.stacked([tables.frame("candidates"), *found])
    truth = (tables.read(inputs[name], name) for name in ("nodules", "excluded"))
    matched = with_matches(candidates, match(candidates, *truth))
    false = false_alarms(matched)[tables.columns("candidates")]
    tables.write(snakemake.output.alarms, "candidates", false)
    jobs.log.info("fold %d: %d false alarms in %d scans", fold, len(false), len(uids))


jobs.run(main, snakemake)
