"""Where a crop lies in its frame: maps [N, 2, 3] from fractions of the crop to fractions of the frame."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from thb.detectors.base import moved
from thb.detectors.parts.images import constant

SCALE = 11.6 / 72  # standard deviation of the distance between the eyes, in pixels, and its mean


def stretched_over(boxes: Tensor) -> Tensor:
    """The maps whose crops are the boxes [N, 4]."""
    corner, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    return torch.cat([torch.diag_embed(sides), corner[:, :, None]], dim=2)


def aligned(landmarks: Tensor, template: Tensor, otherwise: Tensor) -> Tensor:
    """The similarities that bring landmarks [N, P, 2] nearest to the template's [P, 2]; `otherwise` without landmarks.

    Both in fractions, of the frame and of the crop. Least squares in the crop, as the authors fit it.
    """
    seen, wanted = torch.view_as_complex(landmarks.contiguous()), torch.view_as_complex(template.contiguous())
    at, to = seen.mean(dim=1, keepdim=True), wanted.mean()
    turn = ((wanted - to) * (seen - at).conj()).sum(dim=1) / (seen - at).abs().square().sum(dim=1)
    back, start = 1 / turn, at[:, 0] - to / turn
    placed = torch.stack([back.real, -back.imag, start.real, back.imag, back.real, start.imag], dim=1).view(-1, 2, 3)
    return torch.where(placed.isfinite().all(dim=2, keepdim=True).all(dim=1, keepdim=True), placed, otherwise)


def jittered(placed: Tensor, share: float, rng: Generator) -> Tensor:
    """CADDM's random scale, turn, stretch and shift of a 224 px crop, each `share` of the published one."""

    def draw(*shape: int) -> Tensor:
        return torch.rand(len(placed), *shape, generator=rng) * 2 - 1

    scale = (1 + share * SCALE * torch.randn(len(placed), 1, generator=rng)).clamp(min=0.5)
    stretch = 1 + share * 0.03 * draw(2) * (torch.rand(len(placed), 2, generator=rng) < 0.2)
    turn = share * math.radians(30) * draw() ** 3
    rows = torch.stack([turn.cos(), turn.sin(), -turn.sin(), turn.cos()], dim=1).view(-1, 2, 2)
    back = rows / (scale * stretch)[:, :, None]
    middle = 0.5 + share * 25 / 224 * draw(2)
    inner = torch.cat([back, 0.5 - back @ middle[:, :, None]], dim=2)
    return _within(placed, moved(inner, placed.device))


def mirrored(placed: Tensor, chance: float, rng: Generator) -> Tensor:
    flips = moved(torch.rand(len(placed), generator=rng) < chance, placed.device)[:, None, None]
    mirror = constant(((-1, 0, 1), (0, 1, 0)), placed.device).expand(len(placed), -1, -1)
    return torch.where(flips, _within(placed, mirror), placed)


def _within(outer: Tensor, inner: Tensor) -> Tensor:
    """The map that is first `inner`, then `outer`."""
    linear = outer[:, :, :2] @ inner[:, :, :2]
    return torch.cat([linear, outer[:, :, :2] @ inner[:, :, 2:] + outer[:, :, 2:]], dim=2)


def cut_out(frames: Tensor, placed: Tensor, size: int) -> Tensor:
    """[N, 3, S, S] -> [N, 3, size, size]: bilinear, no antialias, black outside the frame."""
    linear, start = placed[:, :, :2], placed[:, :, 2:]
    theta = torch.cat([linear, linear.sum(dim=2, keepdim=True) + 2 * start - 1], dim=2)
    grid = F.affine_grid(theta, [len(frames), 3, size, size], align_corners=False)
    return F.grid_sample(frames, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
