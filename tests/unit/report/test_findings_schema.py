"""Every findings.json fits the schema of the repository, and the schema refuses what is none."""

import copy
import json

import pytest

from helpers import findings_schema, models
from nodules.findings.found import COLUMNS
from nodules.images import dicom_writing, reading
from nodules.inference import predict
from nodules.report import delivery


@pytest.fixture(scope="module")
def details(tmp_path_factory):
    """What is written of a scan with findings that have malignancy, and of one without any."""
    folder = tmp_path_factory.mktemp("schema")
    path = models.make_model(folder, ("unet", "presence", "malignancy"))
    ready = predict.open_model(path, "cpu", 1)
    found = predict.predict(reading.of_array(*models.scan(), uid="2.25.7"), ready)
    bare = predict.predict(
        reading.of_array(*models.scan(nodules=()), uid="2.25.8"),
        predict.open_model(models.make_model(folder / "few", max_per_scan=0), "cpu", 1),
    )
    assert len(found) > 3 and not len(bare)
    told = [delivery.details(found), delivery.details(bare, ["no DICOM"])]
    return [json.loads(json.dumps(one)) for one in told]


def test_what_is_written_fits(details):
    assert [findings_schema.problems(one) for one in details] == [[], []]


def test_a_model_in_3d_and_without_malignancy_fits(tmp_path):
    scan = reading.of_array(*models.scan(), uid="2.25.7")
    found = predict.predict(scan, models.make_model_3d(tmp_path), device="cpu", threads=1)
    assert findings_schema.problems(json.loads(json.dumps(delivery.details(found)))) == []


def test_a_file_of_dicom_fits(tmp_path):
    voxels, geometry = models.scan()
    dicom_writing.write_series(tmp_path / "scan", voxels, geometry, "2.25.7")
    ready = predict.open_model(models.make_model(tmp_path), "cpu", 1)
    delivery.single(tmp_path / "scan", tmp_path / "out", lambda read: predict.predict(read, ready))
    assert findings_schema.problems_of(tmp_path / "out" / delivery.DETAILS) == []
    assert (tmp_path / "out" / delivery.SEGMENTATION).is_file()


def test_the_schema_knows_each_column_and_no_other():
    finding = findings_schema.validator().schema["$defs"]["finding"]
    assert list(finding["properties"]) == finding["required"] == list(COLUMNS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("grid"),
        lambda d: d.update(format=2),
        lambda d: d.update(seriesuid="../x"),
        lambda d: d["findings"][0].update(probability=1.5),
        lambda d: d["findings"][0].pop("coordX"),
        lambda d: d["findings"][0].update(side="up"),
        lambda d: d["grid"].update(spacing=[1, 1, 0]),
        lambda d: d["model"].update(sha256="x"),
        lambda d: d.update(extra=1),
    ],
)
def test_what_does_not_fit_is_named(details, damage):
    odd = copy.deepcopy(details[0])
    damage(odd)
    assert len(findings_schema.problems(odd)) == 1
