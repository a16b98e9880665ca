"""Write one scan's slices as PNG files: all of them, or those with a nodule."""

from pathlib import Path

from nodules.base import jobs
from nodules.base.files import open_array
from nodules.prepare.slices import write_pngs
from nodules.prepare.stacks import open_stacks


def main(snakemake):
    """What `slices.png` asks for; a slice has a nodule where its mask has a pixel."""
    inputs, params = snakemake.input, snakemake.params
    (stack,) = open_stacks(inputs.stack, [snakemake.wildcards.uid], params.kind)
    array = open_array(stack.array_path)
    wanted = range(len(array)) if params.which == "all" else stack.nodule_slices.tolist()
    write_pngs(Path(snakemake.output.pngs), array, wanted)


jobs.run(main, snakemake)
