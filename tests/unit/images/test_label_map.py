"""A label map lies on the scan's own grid, whatever its order."""

import numpy as np
import pytest
import SimpleITK as sitk

from nodules.images import label_map
from nodules.images.geometry import Geometry

TURNS = {
    "as LPS": np.eye(3),
    "flipped": np.diag([-1.0, 1.0, -1.0]),
    "permuted": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_another_reader_finds_every_label_at_its_place(tmp_path, turn):
    stored = Geometry.build((-30, 12, 400), (0.7, 0.8, 2.5), TURNS[turn], (5, 6, 7))
    native, _, _ = stored.reoriented()
    labels = np.zeros(native.shape, np.uint16)
    rng = np.random.default_rng(0)
    for number in range(1, 40):
        labels[tuple(rng.integers(native.shape))] = number
    path = tmp_path / "labels.nii.gz"
    label_map.write(path, label_map.in_stored_order(labels, stored), stored)
    image = sitk.ReadImage(str(path))
    assert image.GetSize() == stored.shape[::-1]
    assert np.allclose(image.GetDirection(), stored.direction.ravel(), atol=1e-6)
    for index in np.argwhere(labels):
        at = image.TransformPhysicalPointToIndex(native.to_world(index).tolist())
        assert image[at] == labels[tuple(index)]
    assert (sitk.GetArrayFromImage(image) > 0).sum() == (labels > 0).sum()


def test_equal_labels_make_equal_files(tmp_path):
    grid = Geometry.build((0, 0, 0), (1, 1, 1), np.eye(3), (3, 4, 5))
    for name in ("a.nii.gz", "b.nii.gz"):
        label_map.write(tmp_path / name, np.ones(grid.shape, np.uint16), grid)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
