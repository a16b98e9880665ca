"""A model file is what a run's networks are, and nothing else passes for one."""

import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from helpers import models
from nodules.base.files import UserError, sha256
from nodules.inference import ensemble, export_froc, exported, exporting, model_card

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model file of two U-Nets."""
    return models.make_model(tmp_path_factory.mktemp("model"))


def packed_again(model, target, change):
    """A copy of a model with `change` done to its members (name -> bytes), hashes set anew."""
    with zipfile.ZipFile(model) as source:
        members = {name: source.read(name) for name in source.namelist()}
    members.pop("SHA256SUMS")
    change(members)
    manifest = json.loads(members["manifest.json"]) if "manifest.json" in members else {}
    with zipfile.ZipFile(target, "w") as out:
        for name, content in members.items():
            out.writestr(name, content)
        sums = {name: _hash(content) for name, content in members.items()}
        out.writestr("SHA256SUMS", "".join(f"{d}  {n}\n" for n, d in sums.items()))
    assert manifest is not None
    return target


def _hash(content):
    import hashlib

    return hashlib.sha256(content).hexdigest()


def with_manifest(change):
    """A change of the manifest alone."""

    def changed(members):
        manifest = json.loads(members["manifest.json"])
        change(manifest)
        members["manifest.json"] = json.dumps(manifest).encode()

    return changed


def refused(path, pattern):
    """That a file is refused in one sentence and a remedy, by `model show` and by whoever asks."""
    with pytest.raises(UserError, match=pattern) as caught:
        exported.read_manifest(path)
    told = str(caught.value)
    assert "\n" not in told and len(told) < 400, told


def test_networks_come_out_as_they_went_in(model):
    made = ensemble.load(model, CPU)
    first, _ = made.networks("unet")
    own = models.bright_unet(12.0).state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in first.state_dict().items())
    assert made.networks("presence") == []


def test_the_manifest_says_what_a_person_must_know(model):
    card = model_card.card(exported.read_manifest(model), "small.luna16")
    for told in ("2 x unet", "Not a medical", "threshold: 0.5", "temperature: 2.0", "0.500"):
        assert told in card
    assert (
        "(0.250 to 0.750), 4 scans" in card
        and "window -1000 to 400" in card
        and "isolate yes" in card
    )


def test_the_manifest_carries_the_froc_of_the_run_and_the_card_what_the_threshold_costs(model):
    manifest = exported.read_manifest(model)
    told = manifest["froc"]
    assert (told["system"], told["set"]) == ("unet_resnet", "out_of_fold")
    assert told["threshold"] == [0.7, 0.2] and told["false_alarms_per_scan"] == [0.5, 2.0]
    assert "0.50 false positives per scan, sensitivity 0.600: scans that each fold leaves out" in (
        model_card.card(manifest, "small.luna16")
    )
    points = export_froc.points_of(told)
    assert export_froc.at(points, 0.8) == (0, 0), "above every mark"
    assert export_froc.at(points, 0.7) == (0.5, 0.6)
    assert export_froc.at(points, 0.1) is None, "the curve does not reach so far down"


def test_a_long_froc_is_thinned_with_its_ends_kept(model):
    own = models.froc().iloc[[0] * 999].assign(threshold=np.linspace(1, 0, 999))
    told = export_froc.froc_of(own, "unet_resnet")
    assert len(told["threshold"]) == export_froc.MOST_POINTS
    assert (told["threshold"][0], told["threshold"][-1]) == (1.0, 0.0)
    assert export_froc.froc_of(own, "another") is None
    assert export_froc.froc_of(own.assign(sensitivity=np.nan), "unet_resnet") is None, "no nodules"


def test_equal_networks_make_equal_files(model, tmp_path):
    assert sha256(models.make_model(tmp_path)) == sha256(model)


def test_the_hashes_are_those_that_sha256sum_checks(model, tmp_path):
    with zipfile.ZipFile(model) as packed:
        packed.extractall(tmp_path)
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0 and done.stdout.count(b": OK") == 3


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_short_is_refused(model, tmp_path, share):
    content = model.read_bytes()
    (tmp_path / "cut.luna16").write_bytes(content[: int(share * len(content))])
    refused(tmp_path / "cut.luna16", r"cut short after \d+ bytes")


def test_a_byte_changed_anywhere_in_a_member_is_noticed(model, tmp_path):
    with zipfile.ZipFile(model) as packed:
        members = packed.infolist()
    content = model.read_bytes()
    for member in members:
        changed = bytearray(content)
        changed[member.header_offset + 30 + len(member.filename) + member.file_size // 2] ^= 1
        (tmp_path / "altered.luna16").write_bytes(changed)
        refused(tmp_path / "altered.luna16", r"damaged|is not as it was written|no model")


def test_whatever_is_changed_anywhere_is_a_sentence_or_harmless(model, tmp_path):
    # The zip's own lists are looked at by Python's zipfile, which raises many types.
    content, rng = model.read_bytes(), np.random.default_rng(0)
    own = exported.read_manifest(model)
    ends = np.concatenate([rng.integers(len(content), size=40), len(content) - 1 - np.arange(700)])
    for at in ends:
        changed = bytearray(content)
        changed[at] ^= int(rng.integers(1, 256))
        (tmp_path / "altered.luna16").write_bytes(changed)
        try:
            told = exported.read_manifest(tmp_path / "altered.luna16")
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert told == own


def test_what_is_added_before_or_behind_is_noticed(model, tmp_path):
    content, other = model.read_bytes(), tmp_path / "longer.luna16"
    other.write_bytes(content + b"and more")
    refused(other, "something was added behind its end")
    other.write_bytes(b"and more" + content)
    refused(other, "no model of luna16")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"filters": 10**9, "depth": 2, "context": 1}, "is above 4096"),
        ({"filters": 4000, "depth": 3, "context": 1}, "a larger network than its weights"),
        ({"filters": 2, "depth": 60, "context": 1}, "cannot be used"),
    ],
)
def test_no_network_is_built_to_a_size_of_the_files_own_choosing(model, tmp_path, settings, reason):
    def change(manifest):
        manifest["networks"][0]["manifest"]["network"]["settings"] = settings

    path = packed_again(model, tmp_path / "large.luna16", with_manifest(change))
    with pytest.raises(UserError, match=reason):
        ensemble.load(path, CPU)


def test_other_files_are_no_models(model, tmp_path):
    (tmp_path / "text.luna16").write_text("weights\n")
    with zipfile.ZipFile(tmp_path / "zip.luna16", "w") as other:
        other.writestr("scan.dcm", "x")
    torch.save({"a": torch.zeros(3)}, tmp_path / "state.luna16")
    for name in ("text", "zip", "state"):
        refused(tmp_path / f"{name}.luna16", r"it is no model of luna16\. Name")
    refused(tmp_path / "absent.luna16", "no such file")
    refused(tmp_path, r"cannot be read \(Is a directory\)|no model")


def test_a_changed_threshold_is_noticed_without_the_hash_and_told_by_it(model, tmp_path):
    # Whoever sets the hashes anew makes another model, which its fingerprint says.
    change = with_manifest(lambda m: m["settings"].update(threshold=0.1))
    other = exported.read_manifest(packed_again(model, tmp_path / "other.luna16", change))
    own = exported.read_manifest(model)
    assert exported.fingerprint(other) != exported.fingerprint(own)
    assert exported.identity(other) == exported.identity(own)


def _file(manifest, name):
    manifest["networks"][0]["file"] = name


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.update(format=2), "it is of format 2, but this version reads 1"),
        (lambda m: m.update(kind="something"), "no model of luna16"),
        (lambda m: m.pop("settings"), "lacks settings"),
        (lambda m: m.update(system=["slices"]), "its system is told otherwise"),
        (lambda m: m.update(scores="good"), "its scores is told otherwise"),
        (lambda m: m.update(networks=[]), "networks are not told rightly"),
        (lambda m: m.update(networks=[{"file": 3}]), "networks are not told rightly"),
        (lambda m: _file(m, "../../evil.pt"), "names that none of ours has"),
        (lambda m: _file(m, "/etc/evil.pt"), "names that none of ours has"),
        (lambda m: _file(m, "unet/other.pt"), "members are not those"),
    ],
)
def test_a_manifest_that_none_of_ours_has_is_refused(model, tmp_path, change, reason):
    refused(packed_again(model, tmp_path / "m.luna16", with_manifest(change)), re.escape(reason))


def test_what_would_unpack_to_more_than_it_holds_is_refused(model, tmp_path):
    bomb = tmp_path / "bomb.luna16"
    with zipfile.ZipFile(model) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            out.writestr(name, source.read(name))
        out.writestr("zeros", bytes(50_000_000))
    refused(bomb, "members are compressed")
    inner = tmp_path / "inner.pt"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/data.pkl", bytes(50_000_000))

    def change(members):
        name = "unet/fold_0/member_0.pt"
        members[name] = inner.read_bytes()
        manifest = json.loads(members["manifest.json"])
        own = manifest["networks"][0]
        own["sha256"] = own["manifest"]["weights"]["sha256"] = _hash(members[name])
        members["manifest.json"] = json.dumps(manifest).encode()

    refused(packed_again(model, tmp_path / "n.luna16", change), "would unpack to more")


class Evil:
    """What runs a command when it is unpickled carelessly."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_nothing_in_a_model_is_executed(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "evil.pt")

    def change(members):
        name = "unet/fold_0/member_0.pt"
        members[name] = (tmp_path / "evil.pt").read_bytes()
        manifest = json.loads(members["manifest.json"])
        own = manifest["networks"][0]
        own["sha256"] = own["manifest"]["weights"]["sha256"] = _hash(members[name])
        members["manifest.json"] = json.dumps(manifest).encode()

    path = packed_again(model, tmp_path / "evil.luna16", change)
    exported.read_manifest(path)
    with pytest.raises(UserError, match=r"member_0\.pt in it cannot be used"):
        ensemble.load(path, CPU)
    assert not (tmp_path / "executed").exists()


def test_a_member_with_a_path_outside_is_never_written(model, tmp_path):
    path = packed_again(model, tmp_path / "out.luna16", lambda m: m.update({"../evil": b"x"}))
    refused(path, "members are not those")
    assert not (tmp_path.parent / "evil").exists()


def test_a_model_is_shown_without_pytorch(model):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from nodules.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "model", "show", str(model)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "2 x unet" in done.stdout, done.stderr
    told = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert json.loads(told.stdout)["name"] == "small"


def test_networks_that_were_fed_otherwise_are_not_exported_together(tmp_path):
    model = models.make_model(tmp_path)
    networks = exported.read_manifest(model)["networks"]
    networks[1]["manifest"]["input"]["lungs"] = "slice_kmeans"
    system = exporting.on_slices("unet")
    with pytest.raises(UserError, match="cut in another way"):
        exporting.manifest("x", networks, {}, None, models.metrics(), {}, system)
