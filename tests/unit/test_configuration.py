"""The default configuration is valid, every key is documented, and mistakes are explained."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from nodules import configuration
from nodules.files import UserError

ROOT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def overlaid(**sections):
    """The default configuration with some keys of some sections changed."""
    config = copy.deepcopy(DEFAULT)
    for name, values in sections.items():
        if isinstance(values, dict):
            config[name] |= values
        else:
            config[name] = values
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
        ({"unet": {"epoch": 3}}, "unknown key 'unet.epoch': did you mean 'epochs'"),
        ({"unet": {"learning_rate": "fast"}}, "unet.learning_rate: 'fast' is not of type 'number'"),
        ({"unet": {"epochs": "2.5"}}, "unet.epochs: 2.5 is not of type 'integer'"),
        ({"slices": {"window": [400, -1000]}}, "must lie below"),
        ({"slices": {"size": "large"}}, "slices.size"),
        ({"folds": {"n": 1}}, "folds.n"),
        ({"data": {"source": "luna16"}}, "--config luna16_dir="),
        ({"typo": 1}, "unknown key 'typo'"),
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
