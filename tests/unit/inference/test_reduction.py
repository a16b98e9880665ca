"""The second stage's answer as a nodule: centre and diameter between voxels, one of each."""

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.volumes import NODULE, volume
from nodules.base import tables
from nodules.inference import reduction

CPU = torch.device("cpu")
SIDE = 32


class Bright(nn.Module):
    """Takes what is bright for a nodule."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, 1, 1, 1))

    def forward(self, x):
        voxels = (x - NODULE / 2 / 255) * 100
        return voxels.mean((1, 2, 3, 4)), voxels


def candidates(scan, places, probability):
    world = scan.grid.to_world(np.array(places, float))
    rows = pd.DataFrame(world, columns=["x", "y", "z"]).assign(
        seriesuid=scan.uid,
        candidate=np.arange(1, len(world) + 1),
        diameter_mm=5.0,
        probability=probability,
        volume_mm3=65.0,
        n_slices=5,
    )
    return tables.frame("candidates", rows)


@given(st.tuples(*[st.floats(38, 58)] * 3), st.floats(5, 20))
@settings(max_examples=20, deadline=None)
def test_a_drawn_ball_s_centre_and_diameter_come_back(tmp_path_factory, centre, diameter):
    scan, _ = volume(tmp_path_factory.mktemp("ball"), [(centre, diameter)])
    place = np.round(np.array(centre))
    found = reduction.reduce([Bright()], scan, candidates(scan, [place], [0.5]), SIDE, CPU)
    row = found.candidates.iloc[0]
    assert np.linalg.norm(row[["x", "y", "z"]].astype(float) - scan.grid.to_world(centre)) < 0.5
    assert abs(row["diameter_mm"] / diameter - 1) < 0.05
    assert set(found.regions["kind"]) == {"reduction"}


def test_two_candidates_on_one_nodule_become_the_surer_one(tmp_path):
    scan, _ = volume(tmp_path, [((48, 48, 48), 12)])
    both = candidates(scan, [(48, 48, 46), (48, 48, 50)], [0.3, 0.6])
    found = reduction.reduce([Bright()], scan, both, SIDE, CPU).candidates
    assert list(found["candidate"]) == [2]


def test_a_candidate_on_nothing_keeps_its_place_and_has_no_region(tmp_path):
    scan, _ = volume(tmp_path, [])
    alone = candidates(scan, [(48, 48, 46)], [0.3])
    found = reduction.reduce([Bright()], scan, alone, SIDE, CPU)
    assert found.regions.empty
    assert found.candidates[["x", "y", "z"]].equals(alone[["x", "y", "z"]])
    nothing = reduction.reduce([Bright()], scan, alone.iloc[:0], SIDE, CPU)
    assert nothing.candidates.empty and nothing.regions.empty
