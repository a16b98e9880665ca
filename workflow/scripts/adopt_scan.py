"""Convert one scan of another layout to LUNA16's: voxels, numbered lesions and table rows."""

from nodules.base import jobs
from nodules.datasets import adopted, adoption
from nodules.datasets.sources.case import Case
from nodules.prepare import adoption_check


def main(snakemake):
    """A scan in LUNA16's layout, or what is wrong with it."""
    params, output = snakemake.params, snakemake.output
    case = Case(**params.case)
    settings = adoption.Settings(**params.settings)
    found = adoption.adopt(case, settings, with_organ=bool(output.organ))
    adoption_check.judge(found, case, settings, params.region)
    adopted.write(found, {name: path for name, path in output.items() if path})
    for told in found.defects:
        jobs.log.warning("%s: %s", told["file"], told["reason"])
    jobs.log.info(
        "%s: %d lesions, %d of them too small to count.",
        case.name,
        len(found.nodules) + len(found.excluded),
        len(found.excluded),
    )


jobs.run(main, snakemake)
