"""Attach the readers' malignancy ratings to the reference nodules, and label these."""

from nodules.base import jobs, tables
from nodules.findings import ratings
from nodules.findings.rule import Rule, attrition


def main(snakemake):
    """Labels by the rule of the config, each with how it was joined."""
    inputs, settings = snakemake.input, snakemake.params.settings
    nodules = tables.read(inputs.nodules, "nodules")
    if inputs.get("contours"):
        read = {name: tables.read(inputs[name], name) for name in ("scans", "contours", "ratings")}
        found = ratings.from_outlines(nodules, **read)
    else:
        found = ratings.from_database(nodules)
    rule = Rule.of(settings)
    labels = ratings.label(nodules, found, rule, settings["shuffle_labels"])
    tables.write(snakemake.output.labels, "malignancy_labels", labels)
    jobs.log.info("%s: %s", rule.text(), attrition(labels, rule))
    for row in labels[labels["readers"] == 0].itertuples():
        jobs.log.warning("Scan %s, nodule %d: %s", row.seriesuid, row.nodule, row.reason)


jobs.run(main, snakemake)
