"""What each rule does, in words."""

import re

import pytest

from helpers.sources import Rule, all_rules
from nodules.base import steps

RULES = all_rules()


def wildcards(rule: Rule) -> set[str]:
    """Names of the wildcards of a rule's log, which has all that its output has."""
    return set(re.findall(r"\{(\w+)\}", rule.directives["log"]))


def test_the_table_has_every_rule_and_no_other() -> None:
    assert set(steps.STEPS) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_words_fill_from_the_rules_own_wildcards(rule: Rule) -> None:
    told = steps.words(rule.name, {name: "fold_0" for name in wildcards(rule)})
    assert told and not re.search(r"[{}_]", told)


def test_a_fold_a_part_and_a_member_are_named_as_people_do() -> None:
    assert steps.words("train_unet", {"fold": "1"}) == "train the U-Net, fold 1"
    assert steps.words("detect_unet", {"part": "fold_0"}).endswith("U-Net, fold 0")
    assert steps.words("detect_unet", {"part": "test"}).endswith("U-Net, test")
    swin = {"segmenter": "transformer", "fold": "0"}
    assert steps.words("train_segmenter", swin) == "train the Swin U-Net, fold 0"
    alone, third = ({"fold": "0", "member": member} for member in ("0", "2"))
    assert steps.words("train_malignancy", alone).endswith("malignant), fold 0")
    assert steps.words("train_malignancy", third).endswith("fold 0, network 2")


def test_a_rule_of_somebody_elses_is_told_by_its_name() -> None:
    assert steps.words("my_rule", {"x": "a_b"}) == "my rule a b"
    assert steps.expected("my_rule", real=True) > 0
