"""Download torchvision's ImageNet weights of the ResNet50 and check them."""

from nodules import jobs, pretrained


def main(snakemake):
    pretrained.fetch(snakemake.output[0])


jobs.run(main, snakemake)
