"""Planning the whole of LUNA16: 888 scans, every job of every stage, without reading a voxel."""

import json
import resource
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from helpers.running import run_workflow, succeeded

SCANS, SUBSETS = 888, 10
LIMIT_S = 30
CLUSTER_LIMIT_S = 60
# Some Python like Snakemake's, names in dictionaries and sets; and the processor time that it takes
# on a core for which the limits are meant.
LIKE_SNAKEMAKE = """
for _ in range(3):
    names = [f"results/slices/2.25.{i}.npy" for i in range(200_000)]
    known = {name: (name, i) for i, name in enumerate(names)}
    assert len({known[name][0] for name in names if isinstance(name, str)}) == len(names)
"""
USUAL_S = 0.45
HEADER = """\
ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = -160 -160 -300
ElementSpacing = 0.7 0.7 1.25
DimSize = 512 512 240
ElementType = MET_SHORT
ElementDataFile = {uid}.raw
"""


@pytest.fixture(scope="module")
def luna16(tmp_path_factory):
    """Headers and empty voxel files of 888 scans in ten subsets, and the lists."""
    folder = tmp_path_factory.mktemp("luna16")
    for k in range(SUBSETS):
        (folder / f"subset{k}").mkdir()
    for i in range(SCANS):
        uid = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, str(i)).int}"
        header = folder / f"subset{i % SUBSETS}" / f"{uid}.mhd"
        header.write_text(HEADER.format(uid=uid))
        header.with_suffix(".raw").touch()
    for name in ("annotations.csv", "annotations_excluded.csv"):
        (folder / name).write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n")
    return folder


def jobs_of(output: str) -> dict[str, int]:
    """Number of planned jobs of each rule, from the output of a dry run."""
    words = [line.split() for line in output.splitlines()]
    return {w[0]: int(w[1]) for w in words if len(w) == 2 and w[1].isdigit()}


def processor_s(command: list[str]) -> tuple[subprocess.CompletedProcess[str], float]:
    """A finished command, and the processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def plan(
    repository: Path, folder: Path, workdir: Path, *options: str, scheme: str = "kfold"
) -> tuple[str, float]:
    """Output of a full dry run in an empty working folder, and its processor time in seconds.

    A dry run computes in one thread: on a machine with nothing else to do it takes no longer. On a
    slower core, or one that other tests slow down, it is told as a usual core would have taken.
    """
    overlay = workdir / "overlay.json"
    settings = {"data": {"source": "luna16"}, "luna16_dir": str(folder)}
    overlay.write_text(json.dumps(settings | {"folds": {"scheme": scheme}}))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(repository / "Snakefile")]
    command += ["--directory", str(workdir), "--configfile", str(overlay), "--dry-run", *options]
    pace = [sys.executable, "-c", LIKE_SNAKEMAKE]
    (_, before), (done, seconds), (_, after) = map(processor_s, (pace, command, pace))
    return done.stdout + done.stderr, seconds / max((before + after) / 2 / USUAL_S, 1)


@pytest.mark.workflow
def test_a_dry_run_over_888_scans_takes_under_30_seconds(repository, luna16, tmp_path):
    output, seconds = plan(repository, luna16, tmp_path)
    jobs = jobs_of(output)
    assert jobs["prepare_slices"] == jobs["draw_masks"] == SCANS
    assert jobs["check_scans"] == jobs["make_folds"] == 1
    assert seconds < LIMIT_S


@pytest.mark.workflow
def test_ten_folds_are_planned_through_the_slurm_profile_in_under_60_seconds(
    repository, luna16, tmp_path
):
    profile = ("--profile", str(repository / "profiles/slurm"))
    output, seconds = plan(repository, luna16, tmp_path, *profile, scheme="official")
    jobs = jobs_of(output)
    assert jobs["prepare_slices"] == jobs["draw_masks"] == SCANS
    assert jobs["train_unet"] == jobs["train_presence"] == jobs["detect_unet"] == SUBSETS
    assert "profiles/slurm" in output
    assert seconds < CLUSTER_LIMIT_S


OF_TASK = {
    "presence": {"train_presence", "classify_candidates", "evaluate_presence"}
    | {"analyse_trends", "draw_trends", "draw_presence"},
    "malignancy": {"label_nodules", "train_malignancy", "classify_nodules", "explain_nodules"}
    | {"extract_radiomics", "fit_yardsticks", "evaluate_malignancy"}
    | {"draw_malignancy", "write_malignancy"},
}
COMMON = {"train_unet", "score_detections", "draw_scores", "draw_epochs", "draw_gallery"}
COMMON |= {"gather_histories", "summarise_run", "build_report", "train_maskrcnn", "detect_maskrcnn"}
COMMON |= {"compare_systems", "draw_comparison"}
IN_3D = {"prepare_volumes", "train_unet3d", "detect_unet3d", "mine_alarms", "train_reduction"}
IN_3D |= {"reduce_candidates", "combine_stages", "draw_gallery_3d"}


@pytest.mark.workflow
@pytest.mark.parametrize("tasks", [["presence"], ["malignancy"], ["presence", "malignancy"]])
def test_each_task_plans_its_own_rules_and_everything_else(tasks, tmp_path):
    config = ["--config", f"tasks=[{', '.join(tasks)}]", "malignancy={members: 2}"]
    done = succeeded(run_workflow(tmp_path, *config, "--dry-run"))
    jobs = jobs_of(done.stdout + done.stderr)
    for name, own in OF_TASK.items():
        assert own & set(jobs) == (own if name in tasks else set())
    assert set(jobs) >= COMMON | IN_3D
    # Two folds of two networks each.
    assert jobs.get("train_malignancy", 0) == (4 if "malignancy" in tasks else 0)


@pytest.mark.workflow
def test_a_network_in_3d_that_judges_nodules_has_everything_but_attribution_maps(tmp_path):
    config = ["--config", "malignancy={network: reducer3d}", "detectors=[unet]"]
    done = run_workflow(tmp_path, *config, "--dry-run")
    jobs = jobs_of(succeeded(done).stdout + done.stderr)
    assert (OF_TASK["malignancy"] - {"explain_nodules"}) | COMMON <= set(jobs)
    assert not {"explain_nodules", "draw_explanations", *IN_3D - {"prepare_volumes"}} & set(jobs)


@pytest.mark.workflow
def test_without_mask_rcnn_nothing_of_it_is_planned(tmp_path):
    config = ["--config", "maskrcnn={enabled: false}", "detectors=[unet]"]
    done = succeeded(run_workflow(tmp_path, *config, "--dry-run"))
    jobs = jobs_of(done.stdout + done.stderr)
    assert "build_report" in jobs
    assert not {"train_maskrcnn", "detect_maskrcnn", "compare_systems", "draw_comparison"} & set(
        jobs
    )


TRACK = {"classify_locations", "score_locations", "draw_locations"}


@pytest.mark.workflow
def test_given_locations_are_judged_where_they_are_asked_for_and_by_one_target(tmp_path):
    def planned(*arguments: str) -> set[str]:
        done = succeeded(run_workflow(tmp_path, "--dry-run", *arguments))
        return set(jobs_of(done.stdout + done.stderr))

    track = "scoring={reduction_track: true}"
    assert not TRACK & planned()
    assert TRACK | {"build_report"} <= planned("--config", track)
    assert not TRACK & planned("--config", track, "tasks=[malignancy]")
    alone = planned("reduction_track")
    assert alone >= TRACK | {"train_presence"}
    assert not alone & {"build_report", "train_maskrcnn", "train_malignancy", "score_detections"}


@pytest.mark.workflow
def test_without_a_list_of_locations_the_track_ends_before_any_job(repository, luna16, tmp_path):
    settings = {"data": {"source": "luna16"}, "luna16_dir": str(luna16)}
    (tmp_path / "overlay.json").write_text(json.dumps(settings))
    overlay = ("--configfile", str(tmp_path / "overlay.json"))
    done = run_workflow(tmp_path, *overlay, "--dry-run", "reduction_track")
    assert done.returncode != 0
    assert str(luna16 / "candidates_V2.csv") in done.stdout + done.stderr


CUBES = "{network: reducer3d, cube: 30, weights: imagenet}"


@pytest.mark.workflow
def test_what_no_plan_can_be_made_of_is_told_by_its_key(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("unet: {epochs: 2}\n5: 3\nabc: 1\nunet: {batch: 2}\n")
    of_file = [f"unet: stands in {overlay} on line 1 and again on line 4"]
    of_file += ["unknown key '5'", "unknown key 'abc'"]
    of_cubes = ["malignancy.cube: must be a multiple of 8 for 3 malignancy.widths"]
    of_cubes += ["malignancy.weights: must be random for reducer3d"]
    no_subset = ["folds.test_subset: the phantom has no subset 9"]
    for arguments, messages in (
        (("--configfile", str(overlay)), of_file),
        (("--config", "phantom={scans: 6}"), no_subset),
        (("--config", f"malignancy={CUBES}"), of_cubes),
    ):
        done = run_workflow(tmp_path, *arguments, "--dry-run")
        told = done.stdout + done.stderr
        assert done.returncode != 0 and "Traceback" not in told
        assert all(message in told for message in messages), told
