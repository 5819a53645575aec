"""Images between the clip store and a network: how a face is cut out, and what small stems see (no timm)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thb.core.errors import ParamsError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def square_around(boxes: Tensor, margin: float) -> Tensor:
    """Boxes [B, 4] -> [B, 4]: squares about their centres, `margin` times the longer side."""
    side = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True) * margin
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat([centre - side / 2, centre + side / 2], dim=1)


def native_fits(size: int, frame: int) -> None:
    """Pixels as they are cannot be more than there are."""
    if size > frame:
        raise ParamsError(
            f"a native crop of {size} px does not fit into the store's {frame} px; set size to at most {frame}"
        )


def pixel_square(boxes: Tensor, size: int, frame: int) -> Tensor:
    """Boxes [B, 4] -> [B, 4]: `size` whole pixels of a `frame`-pixel side about their centres, kept inside.

    A crop of such a square to `size` pixels copies pixels and resamples nothing, so that the finest
    texture reaches the network.
    """
    native_fits(size, frame)
    corner = ((boxes[:, :2] + boxes[:, 2:]) / 2 * frame - size / 2).round().clamp(0, frame - size)
    return torch.cat([corner, corner + size], dim=1) / frame


def crop(frames: Tensor, boxes: Tensor, size: int, mirror: Tensor | None = None) -> Tensor:
    """Cut one box from all frames of a clip: bilinear, no antialias, edge pixels repeated outside.

    frames uint8 [B, N, S, S, 3], boxes [B, 4] fractions, mirror bool [B] -> float [B, N, 3, size, size]
    in 0..1, colours in the order in which they came.
    """
    clips, count, side = frames.shape[:3]
    pixels = frames.permute(0, 1, 4, 2, 3).reshape(clips, count * 3, side, side).float() / 255
    grid = F.affine_grid(_affine(boxes, mirror), [clips, 1, size, size], align_corners=False)
    cut = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return cut.view(clips, count, 3, size, size)


def _affine(boxes: Tensor, mirror: Tensor | None) -> Tensor:
    """[B, 2, 3]: from the crop's -1..1 to the frame's."""
    half = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + boxes[:, 2:] - 1
    theta = torch.zeros(len(boxes), 2, 3, device=boxes.device)
    theta[:, 0, 0] = half[:, 0] if mirror is None else torch.where(mirror, -half[:, 0], half[:, 0])
    theta[:, 1, 1] = half[:, 1]
    theta[:, :, 2] = centre
    return theta


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """[…, 3, h, w] minus `mean`, over `std`, per colour."""
    middle, spread = (constant(tuple(values), images.device).view(-1, 1, 1) for values in (mean, std))
    return (images - middle) / spread


@cache
def constant(values: tuple[Any, ...], device: torch.device) -> Tensor:
    """float32: numbers that are copied to the device once, as a copy keeps it waiting."""
    with torch.inference_mode(False):  # it may be used in training too
        return torch.tensor(values, dtype=torch.float32, device=device)


# ── What a small network sees first ──────────────────────────────────────────────────────────────


def fine_detail(images: Tensor) -> Tensor:
    """[N, 3, s, s] minus the mean of each pixel's 3 x 3 neighbourhood; edge pixels repeated outside."""
    return images - F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)


def convolutions(widths: Sequence[int], strides: Sequence[int]) -> list[nn.Module]:
    """From each width to the next: 3 x 3, batch norm, ReLU."""
    layers = []
    for (inputs, outputs), stride in zip(itertools.pairwise(widths), strides, strict=True):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return layers
