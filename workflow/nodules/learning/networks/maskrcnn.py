"""torchvision's Mask R-CNN for nodules: built from the config, run on stored slices."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FrozenBatchNorm2d, masks_to_boxes

from nodules.learning.machine import GREY_MEAN, GREY_SPREAD, autocast
from nodules.learning.networks.weights import apply_state, load_state

# Settings that define the architecture; stored in the manifest.
SHAPE = (
    *("backbone", "stages", "channels", "weights", "trainable_layers"),
    *("scale", "anchors_px", "proposals", "detections", "instance_threshold"),
)
CLASSES = 2  # background, nodule
RATIOS = (0.5, 1.0, 2.0)  # anchors' height over width
POOL = 7  # side of a box's pooled features in torchvision
SHARED_LAYERS = ("layer4", "layer3", "layer2", "layer1", "conv1")  # last first


class UnderAutocast(nn.Module):
    """Mixin for a torchvision module that computes under `autocast` and returns full precision.

    bf16 has 8 bits: enough for convolutions, too few for box corners in slices of 512 pixels.
    """

    def forward(self, given: Any) -> Any:
        """torchvision's own, under `autocast`."""
        first = given if isinstance(given, Tensor) else given[0]
        with autocast(first.device):
            return in_full(super().forward(given))


def in_full(answer: Any) -> Any:
    """A tensor, or a list, tuple or dict of tensors, converted to float32."""
    if isinstance(answer, Tensor):
        return answer.float()
    if isinstance(answer, dict):
        return {name: in_full(part) for name, part in answer.items()}
    return type(answer)(in_full(part) for part in answer)


class Backbone(UnderAutocast, BackboneWithFPN):
    """Features of a slice."""


class ProposalHead(UnderAutocast, RPNHead):
    """Proposals: where there may be a box."""


class BoxHead(UnderAutocast, TwoMLPHead):
    """Features of a box."""


class MaskHead(UnderAutocast, MaskRCNNHeads):
    """Features of an instance's pixels."""


class ScaledTransform(GeneralizedRCNNTransform):
    """Transform that scales images of any size by one factor.

    So patches of slices look the same as whole slices.
    """

    def __init__(self, scale: float) -> None:
        super().__init__(1, 1, image_mean=[GREY_MEAN] * 3, image_std=[GREY_SPREAD] * 3)
        self.scale = scale

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        """torchvision's own, with its target size set to the image's times the factor."""
        sides = image.shape[-2:]
        self.min_size = (round(min(sides) * self.scale),)
        self.max_size = round(max(sides) * self.scale)
        return super().resize(image, target)


def build(
    settings: Mapping[str, Any], seed: int, weights: str | Path | None = None, key: str = ""
) -> MaskRCNN:
    """A Mask R-CNN with a ResNet and a feature pyramid (He et al., ICCV 2017).

    With backbone resnet50, 4 stages and 256 channels it is torchvision's `maskrcnn_resnet50_fpn`,
    tensor by tensor. weights: path of a state dict of the backbone's ResNet or of the whole network
    (final layers for another number of classes are skipped); None for random weights that depend on
    the seed alone. As in torchvision, the backbone's batch normalisation is frozen if training
    starts from given weights (setting `weights` other than random). key: of the config, if it names
    the file.
    """
    torch.manual_seed(seed)
    frozen = settings["weights"] != "random"
    body = resnet.__dict__[settings["backbone"]](
        norm_layer=FrozenBatchNorm2d if frozen else nn.BatchNorm2d
    )
    for name, parameter in body.named_parameters():
        parameter.requires_grad = _trained(name, settings["trainable_layers"])
    channels, proposals = settings["channels"], settings["proposals"]
    widths = [body.inplanes // 8 * 2**level for level in range(settings["stages"])]
    layers = {f"layer{level + 1}": str(level) for level in range(settings["stages"])}
    network = MaskRCNN(
        Backbone(body, layers, widths, channels),
        rpn_anchor_generator=AnchorGenerator(
            tuple((side * settings["scale"],) for side in settings["anchors_px"]),
            (RATIOS,) * len(settings["anchors_px"]),
        ),
        rpn_head=ProposalHead(channels, len(RATIOS)),
        rpn_pre_nms_top_n_train=2 * proposals,
        rpn_pre_nms_top_n_test=proposals,
        rpn_post_nms_top_n_train=2 * proposals,
        rpn_post_nms_top_n_test=proposals,
        box_batch_size_per_image=min(proposals, 512),
        box_head=BoxHead(channels * POOL**2, 4 * channels),
        box_predictor=FastRCNNPredictor(4 * channels, CLASSES),
        box_score_thresh=settings["instance_threshold"],
        box_detections_per_img=settings["detections"],
        mask_head=MaskHead(channels, (channels,) * 4, 1),
        mask_predictor=MaskRCNNPredictor(channels, channels, CLASSES),
    )
    network.transform = ScaledTransform(settings["scale"])
    if weights is not None:
        start_from(network, weights, key)
    return network


def start_from(network: MaskRCNN, weights: str | Path, key: str = "") -> None:
    """Load a file's weights into the backbone, or into the whole network except the final layers.

    The final layers are loaded only if their shapes match. Of a ResNet's weights, the stages that
    the backbone does not use are skipped.
    """
    state = load_state(weights, key)
    target: nn.Module = network
    if "conv1.weight" in state:
        target = network.backbone.body
        unused = ("fc.", *(name + "." for name in SHARED_LAYERS if not hasattr(target, name)))
        state = {name: tensor for name, tensor in state.items() if not name.startswith(unused)}
    own = target.state_dict()
    last = {n for n in own if ".box_predictor." in n or ".mask_predictor.mask_fcn_logits" in n}
    fitting = {
        name: tensor
        for name, tensor in state.items()
        if not (name in last and tensor.shape != own[name].shape)
        and not (name not in own and name.endswith("num_batches_tracked"))
    }
    apply_state(target, fitting, weights, last, key)


def _trained(name: str, layers: int) -> bool:
    """Whether a tensor of the ResNet is trained if its last `layers` of 5 are."""
    trained = (*SHARED_LAYERS[:layers], *(["bn1"] if layers == len(SHARED_LAYERS) else []))
    return name.startswith(trained) and not name.startswith("fc.")


def instances(labels: Tensor) -> list[dict[str, Tensor]]:
    """Targets of torchvision's Mask R-CNN from label images (n, 1, y, x), 0 outside nodules.

    One instance per nodule; boxes (x0, y0, x1, y1) enclose its pixels, x1 and y1 exclusive. An
    image without a nodule has no instance.
    """
    targets = []
    for image in labels[:, 0]:
        numbers = image.unique()
        masks = image == numbers[numbers > 0][:, None, None]
        boxes = masks_to_boxes(masks) + torch.tensor([0, 0, 1, 1], device=labels.device)
        ones = torch.ones(len(masks), dtype=torch.int64, device=labels.device)
        targets.append({"boxes": boxes.float(), "labels": ones, "masks": masks.to(torch.uint8)})
    return targets


def images_of(inputs: Tensor) -> list[Tensor]:
    """Three-channel images from (n, channels, y, x); a single slice is repeated in all three."""
    return list(inputs.expand(-1, 3, -1, -1).float())


def full_precision(device: torch.device) -> torch.autocast:
    """Autocast switched off, except within modules that are `UnderAutocast`."""
    return torch.autocast(device.type, enabled=False)


def painted(found: dict[str, Tensor]) -> Tensor:
    """Image (y, x) of one slice's instances: maximum of score x soft mask, 0 if there are none."""
    masks = found["masks"][:, 0] * found["scores"][:, None, None]
    return masks.amax(0) if len(masks) else masks.new_zeros(masks.shape[1:])


def with_fixed_statistics(network: nn.Module, compute: Callable[[], Tensor]) -> Tensor:
    """Result of `compute` with the network in training mode but batch normalisation in eval mode.

    torchvision returns losses in training mode only, and left-out scans must not change the running
    statistics. The network is left in eval mode.
    """
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    found = compute()
    network.eval()
    return found
