"""How figures look up the numbers that they show."""

import pandas as pd

from helpers.sources import ROOT
from nodules.evaluation import names, pairs, runs
from nodules.report import lookup, plotting
from nodules.report.catalogue import TITLES, figures_of

UNET = ["unet"]
ALL = {"maskrcnn": True, "track": True, "test": True, "follow_up": True}


def test_cross_validation_leads_where_there_is_one() -> None:
    both = pd.DataFrame({"set": ["test", "fold_1", "out_of_fold"]})
    assert lookup.shown_sets(both) == ["out_of_fold", "test"]
    assert lookup.main_set(both) == "out_of_fold"
    assert lookup.main_set(both[both["set"] == "test"]) == "test"


def test_rows_have_all_the_values_asked_for() -> None:
    table = pd.DataFrame({"set": ["a", "a", "b"], "n": [1, 2, 1]})
    assert lookup.rows(table, set="a", n=1).index.tolist() == [0]


def test_estimates_as_text() -> None:
    assert lookup.estimate({"value": 0.5, "low": 0.4, "high": 0.6}) == "0.500 (0.400 to 0.600)"
    assert lookup.estimate({"value": None, "low": None, "high": None}) == "–"
    assert lookup.estimate(None) == "–"


def test_counts_name_their_unit() -> None:
    assert lookup.counted(1186, "nodules") == "n = 1,186 nodules"
    assert lookup.counted(1, "scans") == "n = 1 scan"


def test_every_entry_of_the_catalogue_has_a_colour() -> None:
    # A run has one second stage, behind its first detector.
    systems = runs.of_run(names.DETECTORS, ["presence"], maskrcnn=True)
    detecting = [names.SYSTEMS[key] for key in systems]
    networks = [names.NETWORKS[key] for system in detecting for key in system.networks]
    catalogues = (names.SETS, names.REDUCERS, names.MALIGNANCY, names.MASKS)
    groups = [list(catalogue.values()) for catalogue in catalogues]
    for entries in (*groups, detecting, list(dict.fromkeys(networks))):
        colours = [plotting.colour(entry) for entry in entries]
        assert len(colours) == len(set(colours)), "two entries of one figure look alike"
    # The same system has the same colour wherever it is shown.
    assert names.MALIGNANCY["resnet"].colour == names.NETWORKS["malignancy"].colour
    for mask in names.MASKS.values():
        if mask.key in names.NETWORKS:
            assert mask.colour == names.NETWORKS[mask.key].colour
    # In a print in grey the lines differ all the same.
    assert len({(system.dash, system.marker) for system in detecting}) == len(detecting)
    for judge, others in (("resnet", "cubes"), ("cubes", "resnet")):
        assert names.MALIGNANCY[judge].networks and others in names.JUDGES.values()
        own = [pair for pair in pairs.MALIGNANCY_PAIRS if others not in pair.keys]
        assert len({plotting.colour(pair) for pair in own}) == len(own) == 3


def test_classes_of_diameter_as_they_are_printed() -> None:
    assert lookup.class_name("<5") == "< 5 mm"
    assert lookup.class_name("12-20") == "12–20 mm"
    assert lookup.class_name(">=20") == "≥ 20 mm"


def test_each_task_draws_the_figures_that_it_can() -> None:
    assert figures_of(UNET, ["presence", "malignancy"], **ALL) == list(TITLES)
    presence = set(figures_of(UNET, ["presence"], **ALL))
    malignancy = set(figures_of(UNET, ["malignancy"], **ALL))
    assert presence | malignancy == set(TITLES)
    # What the U-Net alone gives is drawn under every task.
    assert {"froc", "dice_by_diameter", "training", "epochs"} <= presence & malignancy
    assert not malignancy & {"reliability", "presence", "slice_loss"}


def test_without_mask_rcnn_nothing_is_drawn_beside_it() -> None:
    both = ["presence", "malignancy"]
    left_out = set(TITLES) - set(figures_of(UNET, both, **ALL | {"maskrcnn": False}))
    assert left_out == {"confidence_by_system", "system_costs"}


def test_several_detectors_are_compared_whatever_else_runs() -> None:
    both = ["attention_unet", "unet"]
    several = figures_of(both, ["malignancy"], maskrcnn=False, track=False)
    assert "system_costs" in several and "confidence_by_system" not in several


def test_given_locations_are_drawn_where_they_are_asked_for_and_judged() -> None:
    without = figures_of(UNET, ["presence", "malignancy"], **ALL | {"track": False})
    assert set(TITLES) - set(without) == {"locations_froc"}
    assert "locations_froc" not in figures_of(UNET, ["malignancy"], **ALL)


def test_every_figure_has_a_caption() -> None:
    captions = {path.stem for path in (ROOT / "workflow/report").glob("*.rst")}
    assert set(TITLES) <= captions
