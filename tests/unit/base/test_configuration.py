"""The default configuration is valid, every key is documented, and mistakes are explained."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from nodules.base import configuration, configuration_dataset
from nodules.base.files import UserError

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def overlaid(**sections):
    """The default configuration with some keys of some sections changed."""
    return laid_over(copy.deepcopy(DEFAULT), sections)


def laid_over(config, changes):
    """A configuration with sections, and sections in them, changed key by key as by Snakemake."""
    for name, values in changes.items():
        inner = isinstance(values, dict) and isinstance(config.get(name), dict)
        config[name] = laid_over(config[name], values) if inner else values
    return config


def flat(node, prefix=""):
    for name, value in node.items():
        yield from flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]


def test_default_is_valid_and_holds_every_key():
    configuration.check(DEFAULT)
    assert sorted(flat(DEFAULT)) == sorted(configuration.keys())


def test_published_overlay_is_valid():
    overlay = yaml.safe_load((ROOT / "config/luna16.yaml").read_text())
    configuration.check(overlaid(**overlay, luna16_dir="somewhere"))


OVERLAYS = ("config/best.yaml", "config/lidc_sample.yaml", "benchmarks/unseen.yaml")


@pytest.mark.parametrize("file", OVERLAYS)
def test_overlay_is_valid(file):
    overlay = yaml.safe_load((ROOT / file).read_text())
    given = {"data": {"source": "luna16"}, "luna16_dir": "somewhere"}
    configuration.check(overlaid(**given | overlay))


ORGANS = sorted(path.name for path in (ROOT / "config").glob("decathlon_*.yaml"))


@pytest.mark.parametrize("file", ORGANS)
def test_config_of_another_organ_is_valid_and_needs_the_folder_alone(file):
    overlay = yaml.safe_load((ROOT / "config" / file).read_text())
    with pytest.raises(UserError, match=r"dataset\.dir: name the folder"):
        configuration.check(overlaid(**overlay))
    overlay["dataset"]["dir"] = "somewhere"
    configuration.check(overlaid(**overlay))


def test_every_key_is_documented_with_its_default():
    page = (ROOT / "config/README.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", page, re.M)
    assert sorted(name for name, _ in rows) == sorted(configuration.keys())
    for name, text in rows:
        value = DEFAULT
        for part in name.split("."):
            value = value[part]
        published = re.sub(r" \(.*\)$", "", text.strip())
        assert yaml.safe_load(published) == value, name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"export": {"networks": "all"}, "detectors": ["transformer"]},
            "export.networks: all retrains unet, but transformer is the first of detectors",
        ),
        ({"unet": {"epoch": 3}}, "unknown key 'unet.epoch': did you mean 'epochs'"),
        ({"unet": {"learning_rate": "fast"}}, "unet.learning_rate: 'fast' is not of type 'number'"),
        ({"unet": {"epochs": "2.5"}}, "unet.epochs: 2.5 is not of type 'integer'"),
        ({"slices": {"window": [400, -1000]}}, "must lie below"),
        ({"volumes": {"window": [400, -1000]}}, "volumes.window: 400 HU must lie below -1000 HU"),
        ({"volumes": {"window": [40, 40.2]}}, "volumes.window: 40 and 40.2 HU are the same in"),
        (
            {"unet3d": {"nodules": 0.4, "bright": 0.4, "mined": 0.3}},
            "unet3d.nodules, unet3d.bright and unet3d.mined: are shares of the patches",
        ),
        (
            {"unet3d": {"patch": 16, "widths": [4] * 4, "batch": 1}},
            "unet3d.batch: must be at least 2 for unet3d.patch 16 and 4 levels of unet3d.widths",
        ),
        (
            {"reduction": {"cube": 32, "widths": [4] * 5, "batch": 1}},
            "reduction.batch: must be at least 2 for reduction.cube 32 and 5 levels",
        ),
        (
            {"maskrcnn": {"stages": 4, "anchors_px": [4] * 5, "patch": 32, "batch": 1}},
            "maskrcnn.batch: must be at least 2 for 4 maskrcnn.stages and slices shown at 32",
        ),
        ({"slices": {"size": "large"}}, "slices.size"),
        ({"folds": {"n": 1}}, "folds.n"),
        ({"data": {"source": "luna16"}}, "--config luna16_dir="),
        ({"typo": 1}, "unknown key 'typo'"),
        ({"dataset": {"dir": "x"}}, "with data.source phantom nothing of it is read"),
        ({"dataset": {"units": "percentiles"}}, "are CT in HU; leave it at hu"),
        ({"dataset": {"lesion": "Tumour"}}, "dataset.lesion: 'Tumour' does not match"),
        (
            {"dataset": {"lesion_labels": [1], "organ_labels": [1]}},
            "named as a lesion's label, too",
        ),
        ({"region": {"method": "mask"}}, "set lungs.method to given"),
        ({"data": {"source": "ellipsoid"}}, "tasks: malignancy needs readers' ratings"),
        (
            {
                "data": {"source": "ellipsoid"},
                "tasks": ["presence"],
                "dataset": {"units": "percentiles"},
            },
            "region.method: lungs are found in HU",
        ),
        (
            {"data": {"source": "ellipsoid"}, "scoring": {"reduction_track": True}},
            "needs LUNA16's list of locations",
        ),
        ({"detectors": []}, "detectors: [] should be non-empty"),
        ({"detectors": ["unet", "unet"]}, "detectors: ['unet', 'unet'] has non-unique elements"),
        ({"detectors": ["resnet"]}, "detectors.0: 'resnet' is not one of ['unet',"),
    ],
)
def test_mistakes_are_named_with_a_remedy(change, message):
    with pytest.raises(UserError, match=re.escape(message)):
        configuration.check(overlaid(**change))


def test_numbers_given_as_text_are_read():
    """As YAML gives 1e-3, and `--config unet={epochs: 20}` every value."""
    config = overlaid(
        unet={"learning_rate": "1e-3", "epochs": "20", "augment": "False"},
        slices={"window": ["-1200", "600"]},
    )
    configuration.check(config)
    assert config["unet"]["learning_rate"] == 0.001
    assert (config["unet"]["epochs"], config["unet"]["augment"]) == (20, False)
    assert config["slices"]["window"] == [-1200, 600]


def numbers(node, place=""):
    """Every rule of the schema that takes a number or an array, with its place."""
    kinds = node.get("type")
    if {"number", "integer", "array"} & set([kinds] if isinstance(kinds, str) else kinds or ()):
        yield place, node
    for name, rule in node.get("properties", {}).items():
        yield from numbers(rule, f"{place}.{name}")
    if "items" in node:
        yield from numbers(node["items"], f"{place}[]")


def test_every_number_has_bounds():
    rules = dict(numbers(configuration.schema()))
    assert len(rules) > 50
    for place, rule in rules.items():
        if rule["type"] == "array":
            assert "minItems" in rule and {"maxItems", "uniqueItems"} & set(rule), place
        else:
            assert {"minimum", "exclusiveMinimum"} & set(rule), place
            assert {"maximum", "exclusiveMaximum"} & set(rule), place


def test_keys_of_several_kinds_are_all_named():
    with pytest.raises(UserError, match=r"unknown key '5'.*\n.*unknown key 'abc'"):
        configuration.check(DEFAULT | {5: 3, "abc": 1})


def test_folds_that_just_fit_the_phantom_are_taken():
    configuration.check(overlaid(folds={"n": 36}))
    configuration.check(overlaid(phantom={"scans": 3}, folds={"n": 2, "test_subset": 2}))
    configuration.check(overlaid(phantom={"scans": 2}, folds={"n": 2, "test_subset": None}))
    configuration.check(overlaid(phantom={"scans": 2}, folds={"scheme": "official"}))


def test_what_is_left_out_may_contradict_itself():
    configuration.check(overlaid(maskrcnn={"enabled": False, "weights": "imagenet", "patch": 1}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"presence": {"weights": "mine.pth"}},
            "presence.weights: there is no file 'mine.pth' in ",
        ),
        ({"presence": {"weights": "imagnet"}}, "did you mean 'imagenet'?"),
        ({"maskrcnn": {"weights": "."}}, "maskrcnn.weights: there is no file '.'"),
        ({"maskrcnn": {"weights": "mine.pth"}}, "Name a state dict, random or imagenet"),
    ],
)
def test_weights_that_are_not_there_are_told_with_their_key(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    configuration.check(overlaid(**change))
    with pytest.raises(UserError, match=re.escape(message)):
        configuration.check_weights(overlaid(**change))


def test_weights_are_looked_for_only_where_a_network_needs_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.pth").touch()
    configuration.check_weights(overlaid(presence={"weights": "mine.pth"}))
    configuration.check_weights(overlaid(presence={"weights": "imagenet"}))
    configuration.check_weights(overlaid(maskrcnn={"enabled": False, "weights": "none.pth"}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("unet:\n  epochs: 1\n  batch: 2\n  epochs: 3\n", [("unet.epochs", 2, 4)]),
        ("seed: 1\nunet: {epochs: 1}\nseed: 2\n", [("seed", 1, 3)]),
        ("unet: {epochs: 1}\nresnet: {epochs: 2}\nunet: {batch: 1}\n", [("unet", 1, 3)]),
        ('{"unet": {"epochs": 1,\n"epochs": 2}}', [("unet.epochs", 1, 2)]),
        ("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n", []),
        ("a: &x\n  b: *x\n", []),
        ("", []),
        ("a: [", []),
    ],
)
def test_a_key_given_twice_in_a_file_is_named_with_both_lines(tmp_path, text, found):
    path = tmp_path / "overlay.yaml"
    path.write_text(text)
    told = [f"{name}: stands in {path} on line {a} and again on line {b}" for name, a, b in found]
    lines = list(configuration.given_twice(path))
    assert len(lines) == len(told) and all(map(str.startswith, lines, told)), lines


def test_the_check_tells_of_keys_given_twice(tmp_path):
    (tmp_path / "overlay.yaml").write_text("seed: 1\nseed: 2\n")
    with pytest.raises(UserError, match="seed: stands in"):
        configuration.check(overlaid(), [tmp_path / "overlay.yaml"])


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("attention_unet", {"depth": 6}, "unet.patch: must be 0 or a multiple of 32 for attention"),
        ("transformer", {"blocks": [2] * 5, "heads": [1] * 5, "token_px": 8}, "a multiple of 128"),
        ("transformer", {"heads": [2, 4]}, "as many numbers as transformer.blocks has"),
        (
            "transformer",
            {"heads": [2, 4, 7]},
            "3 has 96 channels, which 7 heads cannot share",
        ),
        ("transformer", {"weights": "imagenet"}, "download torchvision's swin_t"),
        ("transformer", {"weights": "Random"}, "transformer.weights: did you mean 'random'"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_where_it_is_a_detector(section, change, message):
    slices = {"unet": {"patch": 80}} if section == "attention_unet" else {}
    configuration.check(overlaid(**slices, **{section: change}))
    with pytest.raises(UserError, match=re.escape(message)):
        configuration.check(overlaid(**slices, **{section: change}, detectors=["unet", section]))


def test_without_the_unet_its_shape_is_not_asked_about():
    shallow = {"attention_unet": {"depth": 2}, "slices": {"size": 96}}
    deep = {"unet": {"depth": 6, "patch": 32}}
    configuration.check(overlaid(**shallow, **deep, detectors=["attention_unet"]))


def test_a_missing_file_of_the_transformers_weights_is_told_only_where_it_is_asked_for():
    config = overlaid(transformer={"weights": "nowhere.pth"})
    configuration.check_weights(config)
    with pytest.raises(UserError, match=r"transformer\.weights: there is no file 'nowhere\.pth'"):
        configuration.check_weights(config | {"detectors": ["transformer"]})


def test_every_source_is_in_a_folder_rated_or_made():
    known = configuration.schema()["properties"]["data"]["properties"]["source"]["enum"]
    named = (
        *configuration_dataset.IN_A_FOLDER,
        *configuration_dataset.RATED,
        *configuration_dataset.PHANTOMS,
    )
    assert set(known) == set(named)
