"""Checks of the configuration against its schema, with messages that say what to change."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from nodules.base import configuration_dataset
from nodules.base.files import UserError

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"
SUBSETS = 10  # of LUNA16; the phantom's scan i is in subset i % 10
SMALLEST_PATCH = 32  # pixels; halving a smaller input five times leaves nothing
SEE_SLICES = ("unet", "attention_unet", "transformer")  # detectors trained on `unet.patch`
# Pixels of the network's input; torchvision rounds the sides of anchors, and smaller ones become
# empty, which makes every loss infinite.
SMALLEST_ANCHOR = 1.5
START_WEIGHTS = ("random", "imagenet")  # every other name is a path
# Keys of earlier versions and their new names.
RENAMED = {
    "resnet": "presence",
    "resnet.task": "tasks, a list such as [presence, malignancy]",
    "resnet.crop_mm": "crops.mm",
    "resnet.crop_px": "crops.px",
    "resnet.augment": "crops.augment",
    "baseline": "maskrcnn",
    "baseline.threshold": "maskrcnn.pixel_threshold",
    "baseline.score_threshold": "maskrcnn.instance_threshold",
    "candidates.threshold": "candidates.pixel_threshold",
    "malignancy.readers": "malignancy.least_readers",
    "malignancy.slices": "malignancy.crops_per_nodule",
}
# In a path, Snakemake reads these as the limits of a wildcard or a path variable.
NOT_IN_A_PATH = "{}<>"


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    return yaml.safe_load(SCHEMA.read_text())


def check(config: dict[str, Any], files: Iterable[str | Path] = ()) -> None:
    """Raise UserError naming every key that is unknown, missing, of a wrong type or impossible.

    Numbers and booleans given as text are first converted in place: YAML reads 1e-3 as text, and
    Snakemake every value within `--config section={key: value}`. files: those that the
    configuration was read from; a key that one of them gives twice is named with its lines.
    """
    _read_text(config, schema())
    validator = Draft202012Validator(schema())
    problems = [line for error in validator.iter_errors(dict(config)) for line in _explain(error)]
    problems += _not_finite(config)
    problems += [line for file in files for line in given_twice(file)]
    _refuse(problems or list(_contradictions(config)))


def check_weights(config: Mapping[str, Any]) -> None:
    """Raise UserError if a file of start weights for a network of this run is missing.

    Not part of `check`, since figures are redrawn without such files.
    """
    _refuse(
        [
            f"{section}.weights: there is no file '{path}' in {Path(path).absolute().parent}"
            f" {_meant(path, START_WEIGHTS)}".rstrip()
            + ". Name a state dict, random or imagenet"
            for section, path in _starting_weights(config)
            if path not in START_WEIGHTS and not Path(path).is_file()
        ]
    )


def given_twice(file: str | Path) -> Iterator[str]:
    """A message per key given twice in one section of a YAML or JSON file; the last would win."""
    try:
        root = yaml.compose(Path(file).read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return  # Snakemake has read the file by other means
    seen: list[yaml.Node] = []
    queue = [("", root)]
    while queue:
        place, node = queue.pop(0)
        if not isinstance(node, yaml.MappingNode) or any(node is other for other in seen):
            continue
        seen.append(node)
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = f"{place}{key.value}"
            if isinstance(key, yaml.ScalarNode) and key.value in lines:
                yield (
                    f"{name}: stands in {file} on line {lines[key.value]} and again on line {line}."
                    " Keep one of the two"
                )
            lines[str(key.value)] = line
            queue.append((f"{name}.", value))


def _refuse(problems: list[str]) -> None:
    """Raise UserError listing the problems, if there are any."""
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise UserError(
            f"The configuration cannot be used:\n{lines}\n"
            "Every key is explained in config/README.md; defaults are in config/config.yaml."
        )


def keys(node: Mapping[str, Any] | None = None, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys in the schema."""
    for name, value in (schema() if node is None else node)["properties"].items():
        if "properties" in value:
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _read_text(node: dict[str, Any], rules: Mapping[str, Any]) -> None:
    """Replace text, in place, by the number, boolean or null it spells, if the schema wants one."""
    for name, rule in rules["properties"].items():
        value = node.get(name)
        if isinstance(value, dict) and "properties" in rule:
            _read_text(value, rule)
        elif isinstance(value, list) and "items" in rule:
            node[name] = [_spelled(item, rule["items"].get("type")) for item in value]
        elif name in node:
            node[name] = _spelled(value, rule.get("type"))


def _spelled(value: Any, kind: str | list[str] | None) -> Any:
    """The value that a text spells, if it is of the wanted type; else the value unchanged."""
    if isinstance(kind, list):  # a type and null
        return None if value == "null" else _spelled(value, kind[0])
    if not isinstance(value, str) or kind not in ("number", "integer", "boolean"):
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        number = float(value)
    except ValueError:
        return value
    # 1e300 must not become an integer of hundreds of digits.
    whole = kind == "integer" and number.is_integer() and abs(number) < 1e15
    return int(number) if whole else number


def _not_finite(node: Any, place: str = "") -> Iterator[str]:
    """A message per number that is infinite or NaN; the schema's bounds do not catch them."""
    if isinstance(node, Mapping | list):
        items = node.items() if isinstance(node, Mapping) else enumerate(node)
        for name, value in items:
            yield from _not_finite(value, f"{place}.{name}" if place else str(name))
    elif isinstance(node, float) and not math.isfinite(node):
        yield f"{place}: {node} is not a finite number"


def _explain(error: ValidationError) -> Iterator[str]:
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for name in sorted(set(error.instance) - set(known), key=str):
            whole = f"{place}.{name}" if place else str(name)
            if whole in RENAMED:
                yield from _renamed(whole, error.instance[name])
                continue
            hint = _meant(str(name), known) or f"known here: {', '.join(known)}"
            if not isinstance(name, str):
                hint = f"a key is a word, and YAML takes this one for a {type(name).__name__}"
            yield f"unknown key '{whole}': {hint}"
    elif not (isinstance(error.instance, float) and not math.isfinite(error.instance)):
        yield f"{place or 'top level'}: {error.message}"


def _renamed(key: str, value: Any) -> Iterator[str]:
    """New names of a key of an earlier version and of those of its own keys that changed too."""
    yield f"{key}: is now called {RENAMED[key]}"
    inner = value if isinstance(value, Mapping) else {}
    for name in (f"{key}.{name}" for name in inner):
        if name in RENAMED:
            yield f"{name}: is now called {RENAMED[name]}"


def _meant(name: str, known: Iterable[str]) -> str:
    """The question "did you mean ...?" with the closest known name; "" if none is close."""
    close = difflib.get_close_matches(name.strip().lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def _of_export(config: Mapping[str, Any]) -> Iterator[str]:
    first = config["detectors"][0]
    if config["export"]["networks"] == "all" and first != "unet":
        yield (
            f"export.networks: all retrains unet, but {first} is the first of detectors; put"
            " unet first, or export folds"
        )


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    low, high = config["slices"]["window"]
    if low >= high:
        yield f"slices.window: {low} HU must lie below {high} HU"
    elif round(low) == round(high):
        yield f"slices.window: {low} and {high} HU are the same in whole HU; give a wider window"
    fewest, most = config["phantom"]["slices"]
    if fewest > most:
        yield f"phantom.slices: {fewest} must not exceed {most}"
    benign, malignant = config["malignancy"]["benign"], config["malignancy"]["malignant"]
    if benign >= malignant:
        yield f"malignancy.benign: {benign} must lie below malignancy.malignant {malignant}"
    yield from _of_malignancy(config["malignancy"])
    yield from configuration_dataset.contradictions(config)
    yield from _of_detectors(config)
    yield from _in_3d(config)
    yield from _of_export(config)
    if config["maskrcnn"]["enabled"]:
        yield from _of_maskrcnn(config["maskrcnn"], config["slices"]["size"])
    for section, weights in _starting_weights(config):
        yield from _of_weights(f"{section}.weights", weights)
    if config["data"]["source"] in configuration_dataset.PHANTOMS:
        yield from _of_folds(config["folds"], config["phantom"]["scans"])
        if config["luna16_dir"]:
            yield (
                "luna16_dir: is named, but with data.source phantom no scan of it is read;"
                " add --configfile config/luna16.yaml"
            )
    if config["data"]["source"] == "luna16" and not config["luna16_dir"]:
        yield (
            "luna16_dir: name the folder that holds subset0 .. subset9, for example"
            " --config luna16_dir=/data/LUNA16"
        )


def _of_malignancy(malignancy: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the input size and start weights of the 3-D malignancy network."""
    if malignancy["network"] != "reducer3d":
        return
    step = 2 ** len(malignancy["widths"])
    if malignancy["cube"] % step:
        yield (
            f"malignancy.cube: must be a multiple of {step} for {len(malignancy['widths'])}"
            " malignancy.widths"
        )
    if malignancy["weights"] != "random":
        yield "malignancy.weights: must be random for reducer3d, for which there are no others"


def _of_detectors(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the input sizes and levels of this run's 2-D detectors."""
    size, patch = config["slices"]["size"], config["unet"]["patch"]
    for name in (name for name in config["detectors"] if name in SEE_SLICES):
        own = config[name]
        if name == "transformer":
            yield from _of_transformer(own)
            levels, shape = len(own["blocks"]), f"{len(own['blocks'])} transformer.blocks"
            shape += f" and transformer.token_px {own['token_px']}"
        else:
            levels, shape = own["depth"], f"{name}.depth {own['depth']}"
        step = own.get("token_px", 1) * 2 ** (levels - 1)
        least = max(SMALLEST_PATCH, 2 * step)  # a single pixel cannot be normalised
        if size % step:
            yield f"slices.size: must be a multiple of {step} for {shape}"
        if patch % step or patch > size or 0 < patch < least:
            yield (
                f"unet.patch: must be 0 or a multiple of {step} for {shape}, at least {least}, and"
                f" not exceed slices.size {size}"
            )


def _of_transformer(transformer: Mapping[str, Any]) -> Iterator[str]:
    if len(transformer["heads"]) != len(transformer["blocks"]):
        yield "transformer.heads: name as many numbers as transformer.blocks has"
    for stage, heads in enumerate(transformer["heads"]):
        channels = transformer["width"] * 2**stage
        if channels % heads:
            yield (
                f"transformer.heads: stage {stage + 1} has {channels} channels, which {heads} heads"
                " cannot share equally"
            )
    if transformer["weights"] == "imagenet":
        yield (
            "transformer.weights: ImageNet's are not fetched; download torchvision's swin_t and"
            " name the file, or set it to random"
        )


def _in_3d(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the order of detectors and the settings of the 3-D networks."""
    if config["detectors"][0] not in SEE_SLICES:
        yield (
            f"detectors: name one of {', '.join(SEE_SLICES)} first: what is shown slice by slice"
            " (presence, trends, gallery) follows the first of them"
        )
    for key in ("unet3d.patch", "unet3d.window", "reduction.cube"):
        yield from _of_sides(config, *key.split("."))
    if config["unet3d"]["nodules"] + config["unet3d"]["bright"] > 1:
        yield "unet3d.nodules and unet3d.bright: are shares of the patches, so together at most 1"


def _of_sides(config: Mapping[str, Any], section: str, key: str) -> Iterator[str]:
    """A message unless a side is a multiple of 2**levels, as it is halved once per level."""
    levels, side = len(config[section]["widths"]), config[section][key]
    if side % 2**levels:
        yield (
            f"{section}.{key}: must be a multiple of {2**levels} for the {levels} levels of"
            f" {section}.widths"
        )


def _of_maskrcnn(maskrcnn: Mapping[str, Any], size: int) -> Iterator[str]:
    levels = maskrcnn["stages"] + 1
    if len(maskrcnn["anchors_px"]) != levels:
        yield f"maskrcnn.anchors_px: name {levels} sizes, one more than maskrcnn.stages"
    smallest = min(maskrcnn["anchors_px"]) * maskrcnn["scale"]
    if smallest < SMALLEST_ANCHOR:
        yield (
            f"maskrcnn.anchors_px: times maskrcnn.scale {maskrcnn['scale']} the smallest is"
            f" {smallest:g} pixels, but {SMALLEST_ANCHOR} is the least"
        )
    if maskrcnn["patch"] > size or 0 < maskrcnn["patch"] < SMALLEST_PATCH:
        yield (
            f"maskrcnn.patch: must be 0 or at least {SMALLEST_PATCH}, and not exceed slices.size"
            f" {size}"
        )
    if maskrcnn["weights"] == "imagenet" and maskrcnn["backbone"] != "resnet50":
        yield (
            "maskrcnn.weights: ImageNet's are those of resnet50; set maskrcnn.backbone to resnet50"
            " or maskrcnn.weights to random"
        )
    if maskrcnn["weights"] == "random" and maskrcnn["trainable_layers"] < 5:
        yield "maskrcnn.trainable_layers: must be 5 where weights are random"


def _starting_weights(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Sections of the networks that this run trains, each with its start weights."""
    for task in config["tasks"]:
        yield task, config[task]["weights"]
    if config["maskrcnn"]["enabled"]:
        yield "maskrcnn", config["maskrcnn"]["weights"]
    for name in config["detectors"]:
        yield name, config[name].get("weights", "random")


def _of_weights(key: str, weights: str) -> Iterator[str]:
    if weights in START_WEIGHTS:
        return
    if weights.strip().lower() in START_WEIGHTS:
        yield (
            f"{key}: {_meant(weights, START_WEIGHTS)} (a file of that name in the working folder"
            f" is './{weights}')"
        )
    elif set(weights) & set(NOT_IN_A_PATH):
        yield (
            f"{key}: '{weights}' holds one of {' '.join(NOT_IN_A_PATH)}, which have a meaning of"
            " their own in the workflow's paths; rename the file"
        )
    elif Path(weights).resolve().is_relative_to(Path("results").resolve()):
        yield (
            f"{key}: '{weights}' lies in results, where the workflow writes; copy the file to"
            " another folder"
        )


def _of_folds(folds: Mapping[str, Any], scans: int) -> Iterator[str]:
    """Folds that the phantom's scans cannot fill: scan i is one patient, in subset i % 10."""
    there = min(scans, SUBSETS)
    if folds["scheme"] == "official":
        if there < 2:
            yield "phantom.scans: folds.scheme official needs at least 2, in two subsets"
        return
    test = folds["test_subset"]
    if test is not None and test >= there:
        yield (
            f"folds.test_subset: the phantom has no subset {test}, since its {scans} scans are in"
            f" subsets 0 to {there - 1}; choose one of these, null to hold out none, or"
            f" phantom.scans of at least {test + 1}"
        )
        return
    rest = scans - (0 if test is None else len(range(test, scans, SUBSETS)))
    if rest < folds["n"]:
        fewer = f"use at most {rest} folds or" if rest > 1 else "use"
        yield (
            f"folds.n: {folds['n']} folds of {rest} scans, which is what phantom.scans {scans}"
            f" leaves to train on; {fewer} more scans"
        )
