"""What the authors' files call CADDM's tensors; their EfficientNets are those of the library EfficientNet-PyTorch."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADS = {"offsets": "ms_dets", "changes": "ms_cls"}
_OUTER = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
_EXPANDING = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
_FIRST = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}


def published(name: str, backbone: str, stages: Sequence[int]) -> str:
    """`stages`: how many blocks each of an EfficientNet's stages has. The small backbone's names are our own."""
    part, _, rest = name.partition(".")
    if part == "adm":
        return f"adm.{_detection_name(rest)}"
    if part != "backbone" or backbone == "small":
        return name
    return f"base_model.{rest if backbone == 'resnet34' else _efficientnet_name(rest, stages)}"


def _detection_name(name: str) -> str:
    kind, i, rest = name.split(".", 2)
    if kind in _HEADS:
        return f"multi_scale_detection_module.{_HEADS[kind]}.{i}.{rest}"
    return f"adm_extra_layers.{i}.{rest}" if i == "3" else f"adm_extra_layers.{i}.0.{rest}"


def _efficientnet_name(name: str, stages: Sequence[int]) -> str:
    """timm counts blocks within stages, that library throughout; only the first stage's blocks do not expand."""
    if not (found := re.match(r"blocks\.(\d+)\.(\d+)\.(.+)", name)):
        layer, _, rest = name.partition(".")
        return f"{_OUTER[layer]}.{rest}"
    stage, block = int(found[1]), int(found[2])
    layer, _, rest = re.sub(r"^se\.conv_", "_se_", found[3]).partition(".")
    return f"_blocks.{sum(stages[:stage]) + block}.{(_EXPANDING if stage else _FIRST).get(layer, layer)}.{rest}"
