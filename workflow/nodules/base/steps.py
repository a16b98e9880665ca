"""Words for the terminal on what each rule does, and the usual duration of its jobs.

Imported while the Snakefile is parsed, so it imports nothing heavy. Edits here change no result.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Step(NamedTuple):
    """A rule's description and expected durations.

    words: what a job does, with wildcards in braces. phantom, real: seconds per job with the
    default config on two cores, and with config/luna16.yaml on 16 cores and a GPU
    (docs/cluster.md; partly estimated). They weight the progress until the run has its own times.
    """

    words: str
    phantom: float
    real: float


STEPS = {
    "make_phantom": Step("make the phantom scans", 20, 13),
    "make_ellipsoids": Step("make scans of the phantom organ", 10, 10),
    "adopt_scan": Step("read a scan and its labels", 0.5, 10),
    "check_scans": Step("check all scans and lists", 2.6, 300),
    "make_folds": Step("divide the patients into folds", 0.5, 1),
    "write_config": Step("write the config of this run", 0.3, 0.3),
    "prepare_lungs": Step("find lungs: cut coarse slices", 0.6, 2),
    "train_lungs": Step("train the lung U-Net, {fold}", 20, 600),
    "find_lungs": Step("find lungs: run the lung U-Net", 2, 3),
    "compare_lungs": Step("compare the methods of finding lungs", 2.7, 60),
    "prepare_slices": Step("cut slices", 0.6, 2),
    "prepare_volumes": Step("cut volumes", 0.6, 2),
    "draw_masks": Step("draw the reference masks", 0.8, 1),
    "write_pngs": Step("write slices as PNG files", 1, 10),
    "fetch_weights": Step("fetch ImageNet weights", 20, 20),
    "check_weights": Step("check the start weights, {section}", 2, 2),
    "train_unet": Step("train the U-Net, {fold}", 71, 3100),
    "detect_unet": Step("find nodules with the U-Net, {part}", 23, 180),
    "match_candidates": Step("match candidates with nodules, {part}", 0.5, 2),
    "score_slices": Step("score slices with a nodule, {part}", 8.9, 60),
    "train_segmenter": Step("train the {segmenter}, {fold}", 90, 4000),
    "detect_segmenter": Step("find nodules with the {segmenter}, {part}", 30, 200),
    "train_unet3d": Step("train the 3-D U-Net, {fold}", 21, 700),
    "detect_unet3d": Step("find nodules with the 3-D U-Net, {part}", 5.1, 200),
    "mine_alarms": Step("collect the 3-D U-Net's false alarms, {fold}", 5.9, 250),
    "train_reduction": Step("train the second stage in 3-D, {fold}", 25, 250),
    "reduce_candidates": Step("judge candidates in 3-D, {part}", 8.9, 100),
    "combine_stages": Step("combine the two stages in 3-D, {part}", 0.8, 2),
    "train_presence": Step("train the ResNet50 (nodule or not), {fold}", 46, 60),
    "classify_candidates": Step("judge candidates with the ResNet50, {part}", 10, 60),
    "classify_locations": Step("judge LUNA16's list of locations, {part}", 10, 600),
    "score_locations": Step("score LUNA16's list of locations", 2, 60),
    "draw_locations": Step("draw the FROC on LUNA16's list of locations", 2, 3),
    "label_nodules": Step("label nodules benign or malignant", 1.1, 3),
    "train_malignancy": Step("train the network (benign or malignant), {fold}{member}", 72, 300),
    "classify_nodules": Step("judge nodules benign or malignant, {part}", 6.4, 30),
    "extract_radiomics": Step("measure radiomic features, {part}", 9.5, 300),
    "fit_yardsticks": Step("fit radiomics and diameter models, {part}", 1.4, 3),
    "explain_nodules": Step("make attribution maps", 9.5, 30),
    "explain_gates": Step("map the attention U-Net's gates", 6, 30),
    "train_maskrcnn": Step("train Mask R-CNN, {fold}", 71, 3900),
    "detect_maskrcnn": Step("find nodules with Mask R-CNN, {part}", 23, 250),
    "score_detections": Step("score detections by LUNA16's rules", 1.6, 10),
    "evaluate_segmentation": Step("score segmentation", 2.8, 60),
    "evaluate_presence": Step("score nodule or not", 0.8, 10),
    "evaluate_malignancy": Step("score benign or malignant", 1.4, 10),
    "evaluate_calibration": Step("score the calibration of confidences", 2, 10),
    "gather_histories": Step("gather training histories by epoch", 0.6, 1),
    "analyse_trends": Step("analyse trends over the slices", 1.6, 30),
    "compare_systems": Step("compare the systems", 1.1, 10),
    "summarise_run": Step("gather the metrics", 0.8, 1),
    "draw_epochs": Step("draw training figures", 7.6, 3),
    "draw_trends": Step("draw trend figures", 7.6, 5),
    "draw_scores": Step("draw FROC and Dice figures", 3.8, 2),
    "draw_presence": Step("draw figures of nodule or not", 4.5, 2),
    "draw_calibration": Step("draw the calibration by size", 1.9, 2),
    "draw_malignancy": Step("draw figures of benign or malignant", 4.1, 2),
    "draw_comparison": Step("draw figures comparing the systems", 3.5, 2),
    "draw_explanations": Step("draw attribution maps", 6.2, 5),
    "draw_gates": Step("draw the attention U-Net's gates", 3, 4),
    "draw_gallery": Step("draw hits, misses and false alarms", 8.9, 10),
    "draw_gallery_3d": Step("draw those of the 3-D detector", 7.9, 10),
    "export_model": Step("export the networks as one file", 1.5, 10),
    "predict_phantom": Step("try the exported networks on a scan", 14, 10),
    "write_metrics": Step("write the page of numbers", 1.2, 1),
    "write_malignancy": Step("write the page on malignancy", 1.1, 1),
    "write_run": Step("write the pages on scans and run", 0.6, 2),
    "write_costs": Step("write the page on time and memory", 0.7, 1),
    "write_reader": Step("write the reader's page of that scan", 1, 5),
    "write_first_page": Step("write the first page", 1, 10),
    "train_unet_all": Step("train the U-Net on all scans", 90, 4000),
    "train_presence_all": Step("train the ResNet50 (nodule or not) on all scans", 50, 80),
    "train_malignancy_all": Step(
        "train the network (benign or malignant) on all scans{member}", 130, 400
    ),
    "export_volumes": Step("export the networks in 3-D", 2, 5),
    "predict_scan": Step("find nodules in {scan}", 15, 15),
    "make_second_times": Step("scan two phantom patients again", 2.9, 5),
    "compare_times": Step("compare the scans of one patient", 6.6, 30),
    "draw_growth": Step("draw the nodules' growth", 2.3, 2),
    "build_report": Step("build the report", 6.5, 30),
}
SEGMENTERS = {"attention_unet": "attention U-Net", "transformer": "Swin U-Net"}
PER_SCAN = "uid"  # the wildcard of rules with one job per scan


def words(rule: str, wildcards: Mapping[str, str]) -> str:
    """What a job does, in words; for a rule not in STEPS, its name and wildcards."""
    told = {
        name: SEGMENTERS.get(str(value), str(value).replace("_", " "))
        for name, value in wildcards.items()
    }
    if rule not in STEPS:
        return " ".join([rule.replace("_", " "), *told.values()])
    if "fold" in told:
        told["fold"] = f"fold {told['fold']}"
    # Member 0 goes without a number, as it may be the only one.
    told["member"] = f", network {told['member']}" if told.get("member", "0") != "0" else ""
    return STEPS[rule].words.format(**told)


def expected(rule: str, real: bool) -> float:
    """Rough duration of a rule's job in seconds. real: with real scans, not the phantom."""
    step = STEPS.get(rule, Step("", 2, 10))
    return step.real if real else step.phantom


def parallel_jobs(real: bool) -> float:
    """Usual number of parallel jobs: about two on two cores, one on a GPU."""
    return 1.0 if real else 1.9
