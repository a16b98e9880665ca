"""Mask R-CNN is torchvision's, knows instances as the masks have them, and says nothing of none."""

import pytest
import torch
from torchvision.models import resnet50
from torchvision.models.detection import maskrcnn_resnet50_fpn

from helpers.builders import make_stack
from helpers.settings import CANDIDATES
from nodules.base import tables
from nodules.base.configuration_networks import SMALLEST_ANCHOR
from nodules.base.files import UserError
from nodules.inference.detection import components, tabulate
from nodules.inference.maskrcnn import predict, slice_confidence
from nodules.learning import machine
from nodules.learning.networks.maskrcnn import (
    ScaledTransform,
    build,
    full_precision,
    images_of,
    instances,
    painted,
    with_fixed_statistics,
)
from nodules.learning.networks.weights import save_state, weights_sha256

CPU = torch.device("cpu")
SMALL = {
    "backbone": "resnet18", "stages": 3, "channels": 16, "weights": "random", "trainable_layers": 5,
    "context": 1, "scale": 1.0, "anchors_px": [4, 8, 16, 32], "proposals": 16,
    "instance_threshold": 0.05, "detections": 4,
}  # fmt: skip
FULL = SMALL | {
    "backbone": "resnet50",
    "stages": 4,
    "channels": 256,
    "anchors_px": [8, 16, 32, 64, 128],
}


class Finds(torch.nn.Module):
    """Stands in for a network: on every slice one instance, a square of certain pixels, or none."""

    def __init__(self, score=None, mask=1.0):
        super().__init__()
        self.score, self.mask, self.seen = score, mask, 0

    def forward(self, images):
        self.seen += len(images)
        return [self.instance(*image.shape[1:]) for image in images]

    def instance(self, height, width):
        count = 0 if self.score is None else 1
        masks = torch.zeros(count, 1, height, width)
        masks[:, :, 4:8, 6:10] = self.mask
        return {"scores": torch.full((count,), self.score or 0.0), "masks": masks}


def test_full_size_is_torchvisions_own_network():
    ours = build(FULL, 0).state_dict()
    theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=2).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_convolutions_compute_in_bf16_and_boxes_do_not(monkeypatch):
    """8 bits tell corners in a slice of 512 pixels to 2 pixels; boxes and scores have 24."""
    monkeypatch.setattr(machine, "_native_bf16", lambda: True)
    network = build(SMALL, 0)
    inner, answers = {}, {}

    def note(kept, name):
        return lambda module, given, answer: kept.__setitem__(name, answer)

    for name in ("backbone.body.layer1.0.conv1", "rpn.head.conv.0.0", "roi_heads.box_head.fc6"):
        network.get_submodule(name).register_forward_hook(note(inner, name))
    for name in ("backbone", "rpn.head", "roi_heads.box_head", "roi_heads.mask_head"):
        network.get_submodule(name).register_forward_hook(note(answers, name))
    labels = torch.zeros(1, 1, 32, 32, dtype=torch.int32)
    labels[0, 0, 10:16, 10:16] = 1
    with full_precision(CPU):
        losses = network(images_of(torch.rand(1, 3, 32, 32)), instances(labels))
    assert {answer.dtype for answer in inner.values()} == {torch.bfloat16} and len(inner) == 3
    features, (scores, boxes) = list(answers["backbone"].values()), answers["rpn.head"]
    heads = [answers["roi_heads.box_head"], answers["roi_heads.mask_head"]]
    told = [*features, *scores, *boxes, *heads, *losses.values()]
    assert {tensor.dtype for tensor in told} == {torch.float32}
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_weights_depend_on_the_seed_alone():
    hashes = [weights_sha256(build(SMALL, seed)) for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_imagenet_weights_fill_the_backbone(tmp_path):
    torch.manual_seed(5)
    imagenet = resnet50()
    torch.save(imagenet.state_dict(), tmp_path / "imagenet.pth")
    settings = FULL | {"channels": 16, "weights": "imagenet", "trainable_layers": 3}
    network = build(settings, 0, tmp_path / "imagenet.pth")
    body = network.backbone.body
    assert torch.equal(body.layer4[2].conv3.weight, imagenet.layer4[2].conv3.weight)
    frozen = {n.split(".")[0] for n, p in body.named_parameters() if not p.requires_grad}
    assert frozen == {"conv1", "layer1"}
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


def test_of_imagenet_weights_the_stages_that_are_not_used_are_left_out(tmp_path):
    imagenet = resnet50()
    torch.save(imagenet.state_dict(), tmp_path / "imagenet.pth")
    settings = SMALL | {"backbone": "resnet50", "weights": "imagenet", "stages": 2}
    settings |= {"anchors_px": [4, 8, 16]}
    body = build(settings, 0, tmp_path / "imagenet.pth").backbone.body
    assert torch.equal(body.layer2[3].conv3.weight, imagenet.layer2[3].conv3.weight)
    assert not hasattr(body, "layer3")
    # A stage that is used must be there, and of the same backbone.
    lacking = {k: v for k, v in imagenet.state_dict().items() if not k.startswith("layer2.")}
    torch.save(lacking, tmp_path / "lacking.pth")
    for name, changed in (("lacking", settings), ("imagenet", settings | {"backbone": "resnet18"})):
        with pytest.raises(UserError, match=r"another network.*in maskrcnn\.weights") as error:
            build(changed, 0, tmp_path / f"{name}.pth", "maskrcnn.weights")
        assert "elete" not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"scale": 0.25, "anchors_px": [6, 8, 16]},
        {"scale": 8.0, "anchors_px": [1, 1, 1]},
        {"scale": 1.0, "anchors_px": [SMALLEST_ANCHOR] * 3},
    ],
)
def test_at_the_bounds_of_scale_and_anchors_a_step_has_a_finite_loss(settings):
    settings = SMALL | {"stages": 2} | settings
    network = build(settings, 0)
    labels = torch.zeros(2, 1, 32, 32, dtype=torch.int32)
    labels[0, 0, 10:13, 10:13], labels[0, 0, 20, 20] = 1, 2
    optimizer = torch.optim.Adam(network.parameters(), lr=0.002)
    for _ in range(3):
        torch.manual_seed(0)
        images = images_of(torch.rand(2, 3, 32, 32))
        loss = torch.stack(list(network(images, instances(labels)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
    with torch.inference_mode():
        found = network.eval()(images)
    assert all(image["scores"].isfinite().all() for image in found)


def test_weights_of_another_number_of_classes_keep_all_but_the_last_layers(tmp_path):
    donor = build(SMALL, 3)
    donor.roi_heads.box_predictor.cls_score = torch.nn.Linear(64, 91)
    save_state(tmp_path / "coco.pth", donor)
    network = build(SMALL, 0, tmp_path / "coco.pth")
    assert torch.equal(network.rpn.head.cls_logits.weight, donor.rpn.head.cls_logits.weight)
    assert network.roi_heads.box_predictor.cls_score.weight.shape == (2, 64)


def test_weights_of_another_width_are_refused(tmp_path):
    save_state(tmp_path / "w.pt", build(SMALL | {"channels": 8}, 0))
    with pytest.raises(UserError, match="another network"):
        build(SMALL, 0, tmp_path / "w.pt")


def test_instances_are_the_nodules_with_boxes_around_their_pixels():
    labels = torch.zeros(2, 1, 16, 16, dtype=torch.int32)
    labels[0, 0, 2:5, 3:9] = 7
    labels[0, 0, 10, 12] = 300
    both, none = instances(labels)
    assert both["boxes"].tolist() == [[3, 2, 9, 5], [12, 10, 13, 11]]
    assert both["masks"].sum((1, 2)).tolist() == [18, 1]
    assert both["labels"].tolist() == [1, 1]
    assert none["boxes"].shape == (0, 4) and none["masks"].shape == (0, 16, 16)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_every_image_is_scaled_by_the_same_factor(scale):
    transform = ScaledTransform(scale)
    for training in (True, False):
        transform.train(training)
        for side in (32, 64):
            shown, _ = transform([torch.zeros(3, side, side)])
            assert shown.image_sizes == [(side * scale, side * scale)]


def test_overlapping_instances_give_the_greater_probability():
    masks = torch.zeros(2, 1, 4, 4)
    masks[0, 0, :3], masks[1, 0, 2:] = 0.5, 1.0
    image = painted({"scores": torch.tensor([0.9, 0.6]), "masks": masks})
    assert image[:, 0].tolist() == pytest.approx([0.45, 0.45, 0.6, 0.6])


def test_probability_and_confidence_are_means_over_networks(tmp_path):
    stack = make_stack(tmp_path, shape=(5, 32, 32))
    volume, confidence = predict([Finds(0.8, 0.5), Finds()], stack, 1, CPU)
    assert volume[:, 4:8, 6:10] == pytest.approx(0.2)
    assert volume.sum() == pytest.approx(0.2 * 5 * 16)
    assert confidence == pytest.approx(0.4)


def test_slices_without_lung_are_not_shown(tmp_path):
    stack = make_stack(tmp_path, shape=(5, 32, 32))
    table = stack.table
    table.loc[[0, 4], "lung_mm2"] = 0.0
    tables.write(stack.table_path, "slices", table)
    network = Finds(0.8)
    volume, confidence = predict([network], stack, 0, CPU)
    assert network.seen == 3
    assert confidence.tolist() == pytest.approx([0, 0.8, 0.8, 0.8, 0])
    assert not volume[[0, 4]].any()


def test_a_scan_without_detections_gives_empty_tables_and_a_confidence_of_zero(tmp_path):
    stack = make_stack(tmp_path, shape=(5, 32, 32), nodules=[((2, 10, 10), 3)])
    volume, confidence = predict([Finds()], stack, 1, CPU)
    found = list(components(volume, stack.geometry, CANDIDATES))
    candidates, masks = tabulate(stack.uid, "maskrcnn", found)
    assert candidates.empty and masks.empty
    rows = slice_confidence(stack.uid, confidence)
    assert len(rows) == 5 and (rows["confidence"] == 0).all()


def test_left_out_scans_leave_no_trace_in_the_statistics():
    network = build(SMALL, 0).eval()
    before = weights_sha256(network)
    images = images_of(torch.rand(1, 3, 32, 32))
    targets = instances(torch.zeros(1, 1, 32, 32, dtype=torch.int32))
    with torch.no_grad():
        loss = with_fixed_statistics(
            network, lambda: torch.stack(list(network(images, targets).values())).sum()
        )
    assert loss.isfinite() and weights_sha256(network) == before and not network.training
