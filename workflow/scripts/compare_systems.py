"""Compare systems: differences, confidence by slice, time and memory."""

from pathlib import Path

import pandas as pd

from nodules.base import jobs, tables
from nodules.base.files import read_json, write_json
from nodules.datasets import folds
from nodules.evaluation import costs, runs, sets
from nodules.evaluation.comparison import gather, measure, scored
from nodules.evaluation.slices import with_truth
from nodules.evaluation.statements import comparison


def main(snakemake):
    """Paired differences, confidences raw and calibrated, time and memory."""
    inputs, output, params = snakemake.input, snakemake.output, snakemake.params
    division = tables.read(inputs.folds, "folds")
    beside = runs.beside(params.systems)
    truth = tables.read_all(inputs.scores, "slice_scores")
    given = {
        key: with_truth(tables.read_all(inputs[key], "slice_confidence"), truth)
        for key in (beside.keys if beside else ())
    }
    slices, fitted = gather(given, division)
    scores = read_json(inputs.detection), read_json(inputs.segmentation)
    found, statements = [], {}
    for name, uids in sets.pooled_sets(division).items():
        own = slices[slices["set"] == name]
        rows = [*scored(name, *scores)]
        if beside:
            rows += measure(own, beside, params.bootstrap, params.seed)
            statements[name] = comparison.write(name, len(uids), rows)
        found += [{"set": name} | row for row in rows]
    tables.write(output.slices, "comparison_slices", slices)
    tables.write(output.table, "comparison", found)
    write_json(output.summary, {"statements": statements, "calibration": fitted})
    shown = pd.DataFrame({"part": params.parts})
    shown["scans"] = [len(folds.part(division, part)) for part in params.parts]
    jobs_of = runs.steps(params.systems, params.parts)
    measured = costs.steps(map(Path, inputs.benchmarks), jobs_of)
    history = tables.read(inputs.history, "history")
    spent = costs.system_costs(history, measured, shown, division, params.systems)
    tables.write(output.costs, "system_costs", spent)


jobs.run(main, snakemake)
