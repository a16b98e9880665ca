"""Small settings of every training, for tests; change some with `dataclasses.replace`."""

from nodules.inference.detection import CandidateSettings
from nodules.learning.tasks.instances import MaskRCNNSettings
from nodules.learning.tasks.lungs import LungSettings
from nodules.learning.tasks.malignancy import MalignancySettings
from nodules.learning.tasks.presence import PresenceSettings
from nodules.learning.tasks.segmenters import TransformerSettings
from nodules.learning.tasks.slices import UNetSettings

TRAINING = {"epochs": 2, "batch": 2, "learning_rate": 0.01, "schedule": "cosine"}
SLICES = {"context": 1, "patch": 0, "empty_slices": 1.0, "repeat": 1, "augment": True}
UNET = UNetSettings(network="unet", **TRAINING, **SLICES, filters=2, depth=2)
LUNGS = LungSettings(
    network="unet", **TRAINING, filters=2, depth=2, context=0, slices=24, augment=True
)
MASKRCNN = MaskRCNNSettings(
    network="maskrcnn",
    **TRAINING | {"learning_rate": 0.001},
    **SLICES,
    backbone="resnet18",
    stages=3,
    channels=16,
    weights="random",
    trainable_layers=5,
    scale=1.0,
    anchors_px=[4, 8, 16, 32],
    proposals=16,
    detections=4,
    instance_threshold=0.05,
)
ATTENTION = UNetSettings(network="attention_unet", **TRAINING, **SLICES, filters=2, depth=2)
TRANSFORMER = TransformerSettings(
    network="transformer",
    **TRAINING,
    **SLICES,
    token_px=2,
    width=4,
    blocks=[2, 1],
    heads=[1, 2],
    window=2,
)
CROPS = {"mm": 24, "px": 32, "augment": True}
PRESENCE = PresenceSettings(
    network="resnet", **TRAINING, **CROPS, negatives=2.0, view="slices", planes=0
)
MALIGNANCY = MalignancySettings(
    network="resnet", **TRAINING, **CROPS, crops_per_nodule=3, repeat=1, balance="sample"
)
CANDIDATES = CandidateSettings(pixel_threshold=0.5, min_diameter_mm=3.0, max_per_scan=10)
