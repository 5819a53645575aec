"""JPEG as tensor arithmetic: what coding and decoding change of a picture, for a batch of them on any device.

What JPEG loses, it loses where it rounds: colours at half the resolution, and the cosines of 8 x 8 pixels to multiples
of a table's numbers. What follows, in a file, loses nothing, and is left out. Pictures come out as libjpeg decodes
them (4:2:0, smooth upsampling), to a level or two.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from thb.detectors.parts.images import constant

BLOCK = 8
# The standard's example tables (ITU-T T.81, annex K), which every encoder scales by its quality.
BRIGHTNESS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
COLOUR = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * BLOCK,) * 4,
)
# BGR to brightness and two colours, and back (JFIF).
TO_YCC = ((0.114, 0.587, 0.299), (0.5, -0.331264, -0.168736), (-0.081312, -0.418688, 0.5))
TO_BGR = ((1.0, 1.772, 0.0), (1.0, -0.344136, -0.714136), (1.0, 0.0, 1.402))


def squeezed(images: Tensor, qualities: Tensor) -> Tensor:
    """float [N, 3, h, w] BGR 0..255, qualities [N] 1..100, on one device -> the pictures as decoded, whole levels."""
    height, width = images.shape[-2:]
    edges = (0, -width % (2 * BLOCK), 0, -height % (2 * BLOCK))
    padded = F.pad(images.round().clamp(0, 255), edges, mode="replicate")
    planes = _mixed(padded, TO_YCC)
    middle = 128 * (torch.arange(3, device=images.device) > 0).view(-1, 1, 1)
    planes = (planes + middle).round().clamp(0, 255)
    bright = _rounded(planes[:, :1], _table(BRIGHTNESS, qualities))
    colours = _rounded(_halved(planes[:, 1:]), _table(COLOUR, qualities))
    colours = F.interpolate(colours, scale_factor=2, mode="bilinear", align_corners=False).round()
    decoded = _mixed(torch.cat([bright, colours], dim=1) - middle, TO_BGR)
    return decoded[..., :height, :width].round().clamp(0, 255)


def _halved(planes: Tensor) -> Tensor:
    """Means of 2 x 2 pixels; libjpeg rounds halves down in one column and up in the next."""
    means = F.avg_pool2d(planes, 2)
    return (means + 0.25 + 0.25 * (torch.arange(means.shape[3], device=planes.device) % 2)).floor()


def _mixed(images: Tensor, weights: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("oc,nchw->nohw", constant(weights, images.device), images)


def _table(table: tuple[tuple[int, ...], ...], qualities: Tensor) -> Tensor:
    """float [N, 8, 8]: the table at each quality, as libjpeg scales it."""
    scale = torch.where(qualities < 50, (5000 / qualities).floor(), 200 - 2 * qualities)
    return ((constant(table, qualities.device) * scale.view(-1, 1, 1) + 50) / 100).floor().clamp(1, 255)


def _rounded(planes: Tensor, table: Tensor) -> Tensor:
    """[N, C, h, w]: the cosines of each block rounded to multiples of the table's numbers, and made pixels again."""
    cosines = constant(_cosines(), planes.device)
    blocks = planes.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4) - 128
    steps = table[:, None, None, None]
    kept = (cosines @ blocks @ cosines.T / steps).round() * steps
    pixels = (cosines.T @ kept @ cosines + 128).round().clamp(0, 255)
    return pixels.transpose(3, 4).flatten(4, 5).flatten(2, 3)


@cache
def _cosines() -> tuple[tuple[float, ...], ...]:
    """The orthonormal cosine transform of 8 numbers: row k is wave k."""
    return tuple(
        tuple(
            math.sqrt((1 if k == 0 else 2) / BLOCK) * math.cos(math.pi * k * (2 * i + 1) / (2 * BLOCK))
            for i in range(BLOCK)
        )
        for k in range(BLOCK)
    )
