"""Find candidates in the scans of one part with the networks that have not seen them."""

from tqdm import tqdm

from nodules.base import jobs, tables
from nodules.datasets import folds
from nodules.inference.detection import CandidateSettings, detect, joined, predict
from nodules.learning.machine import take
from nodules.learning.networks import bundle
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    """Candidates, their regions and the strongest pixel of each slice."""
    inputs, output = snakemake.input, snakemake.output
    uids = folds.part(tables.read(inputs.folds, "folds"), snakemake.wildcards.part)
    device = take(snakemake.threads).device
    models = [bundle.restore(path, device) for path in inputs.models]
    networks, context = [m.network for m in models], models[0].input["context"]
    found = joined(
        detect(
            tqdm(
                open_stacks(inputs.stacks, uids),
                desc=f"detect {snakemake.wildcards.part}",
                unit="scan",
            ),
            lambda stack: predict(networks, stack, context, device),
            snakemake.wildcards.segmenter,
            CandidateSettings(**snakemake.params.candidates),
        )
    )
    tables.write(output.candidates, "candidates", found.candidates)
    tables.write(output.regions, "regions", found.regions)
    tables.write(output.peaks, "slice_peaks", found.peaks)


jobs.run(main, snakemake)
