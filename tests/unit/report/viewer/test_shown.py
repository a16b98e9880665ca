"""What the page is told of a scan is what the scan is."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from helpers import chest, models, reader_pages
from nodules.report.viewer import levels
from nodules.report.viewer.shown import Link, around_lungs, cut, spec, told, whole

BOX = (slice(3, 28), slice(10, 110), slice(20, 130))


def case(shown, box=BOX, prior=None):
    volume = spec("scan", shown.geometry, box, levels.FINE)
    return told(shown, box, volume, prior)


def test_a_voxel_of_the_box_is_where_it_was_in_the_world():
    shown = reader_pages.example()
    grid = cut(shown.geometry, BOX)
    assert np.allclose(grid.to_world((4, 5, 6)), shown.geometry.to_world((7, 15, 26)))
    given = spec("scan", shown.geometry, BOX, levels.FINE)["grid"]
    world = np.array(given["origin"]) + np.reshape(given["axes"], (3, 3)) @ (6, 5, 4)
    assert np.allclose(world, shown.geometry.to_world((7, 15, 26)))


def test_masks_are_told_within_the_box():
    shown = reader_pages.example()
    _, _, masks = reader_pages.drawn()
    for finding, mask in zip(case(shown)["findings"], masks, strict=True):
        packed = finding["mask"]
        bits = np.frombuffer(base64.b64decode(packed["bits"]), np.uint8)
        voxels = np.unpackbits(bits, count=int(np.prod(packed["shape"]))).reshape(packed["shape"])
        seen = np.zeros([part.stop - part.start for part in BOX], bool)
        z, y, x = (slice(a, a + n) for a, n in zip(packed["corner"], packed["shape"], strict=True))
        seen[z, y, x] = voxels
        assert np.array_equal(seen, mask[BOX])


def test_what_is_not_known_is_null_and_the_surest_stands_first():
    shown = reader_pages.example()
    first, *rest = shown.findings
    unknown = {"probability": 0.01, "confidence": float("nan"), "malignancy": None}
    given = case(replace(shown, findings=[replace(first, numbers=unknown), *rest]))
    assert [finding["number"] for finding in given["findings"]] == [2, 3, 1]
    assert given["findings"][-1]["confidence"] is None
    json.dumps(given, allow_nan=False)


def test_a_case_is_known_again_however_much_is_shown_and_no_other_is_taken_for_it():
    shown = reader_pages.example()
    assert case(shown)["case"] == case(shown, whole(shown.voxels.shape))["case"]
    others = [
        replace(shown, uid="2.25.9"),
        replace(shown, findings=shown.findings[:2]),
        replace(shown, geometry=cut(shown.geometry, BOX)),
    ]
    assert len({one.case for one in (shown, *others)}) == 4


def test_the_box_holds_lungs_and_findings():
    voxels, geometry = models.scan()
    masks = [chest.labels(chest.NODULES) > 0]
    corner = np.zeros(voxels.shape, bool)
    corner[0, :2, :2] = True
    inside = around_lungs(reader_pages.shown(voxels, geometry, masks))
    assert all(
        part.stop - part.start < n for part, n in zip(inside[1:], voxels.shape[1:], strict=True)
    )
    assert masks[0][inside].sum() == masks[0].sum()
    wider = around_lungs(reader_pages.shown(voxels, geometry, [*masks, corner]))
    assert (wider[0].start, wider[1].start, wider[2].start) == (0, 0, 0)


def test_without_lungs_all_is_shown():
    shown = reader_pages.example(voxels=np.full(reader_pages.SHAPE, 40, np.int16))
    assert around_lungs(shown) == whole(reader_pages.SHAPE)


def test_the_prior_lies_as_its_links_do():
    shown = reader_pages.example()
    x, y, z = shown.findings[0].world
    shown = replace(
        shown,
        prior=(shown.voxels, shown.geometry, "before"),
        links=[Link(1, (x + 3, y - 2, z + 5), "grown")],
    )
    prior = case(shown, prior=spec("prior", shown.geometry, BOX, levels.FINE))["prior"]
    assert prior["offset"] == pytest.approx([3, -2, 5])
    assert np.reshape(prior["matrix"], (3, 3)).tolist() == np.eye(3).tolist()
    turned = replace(shown, affine=(np.diag([2.0, 1, 1]), np.arange(3.0)))
    own = case(turned, prior=spec("prior", shown.geometry, BOX, levels.FINE))["prior"]
    assert own["offset"] == [0, 1, 2] and own["matrix"][0] == 2
    place = [x + 3, y - 2, z + 5]
    assert prior["links"] == [{"finding": 1, "at": place, "told": "grown", "mm": None}]
