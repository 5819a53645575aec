"""Poisson blending of a batch, solved at once and exactly: what OpenCV's `seamlessClone` does picture by picture.

In the mask's bounding rectangle the result has the top's gradients where the mask (worn off by three pixels) is, the
base's elsewhere, and the base's values at the rectangle's edge. Its difference from the base is a sum of sines that
vanish at that edge, so that two products with a matrix of sines find it; each picture has its own rectangle.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

WORN = 7  # pixels of the side of the square that must lie in the mask


def blended(top: Tensor, base: Tensor, mask: Tensor, places: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """[N, 3, S, S] 0..255, mask [N, 1, S, S] 0 or 1 -> the blends, and bool [N] whether there is one.

    places: int64 [N, 2] x y, the pixels that become the rectangle's centre; none: it stays where it is. There is no
    blend where the mask is empty, or the rectangle would not lie within the base.
    """
    side = base.shape[-1]
    mask = F.pad(mask[..., 1:-1, 1:-1], (1, 1, 1, 1))  # OpenCV leaves the frame's own edge out
    first, last = _extent(mask)
    there = (last >= first).all(dim=1)
    if places is not None:
        shift = places - (last - first + 1) // 2 - first
        top, mask, first, last = _shifted(top, shift), _shifted(mask, shift), first + shift, last + shift
        there &= (first >= 0).all(dim=1) & (last < side).all(dim=1)
    gradients = _worn(mask)[:, None] * _forward(top - base)
    divergence = (gradients - _back(gradients)).sum(dim=1)
    (across, waves_x), (down, waves_y) = (_sines(first[:, i], last[:, i], side) for i in (0, 1))
    slowness = waves_y[:, :, None] + waves_x[:, None, :]
    found = down[:, None] @ divergence @ across[:, None].mT / torch.where(slowness < 0, slowness, -1)[:, None]
    return (base + down[:, None].mT @ found @ across[:, None]).clamp(0, 255), there


def _extent(mask: Tensor) -> tuple[Tensor, Tensor]:
    """First and last columns and rows of masks [N, 1, S, S]: int64 [N, 2] x y each; last before first if empty."""
    side = mask.shape[-1]
    at = torch.arange(side, device=mask.device)
    seen = torch.stack([mask.amax(dim=(1, 2)), mask.amax(dim=(1, 3))], dim=1) > 0
    return torch.where(seen, at, side).amin(dim=2), torch.where(seen, at, -1).amax(dim=2)


def centres(mask: Tensor) -> Tensor:
    """int64 [N, 2] x y: the middle of the masks' bounding rectangles, the frame's edge counted."""
    first, last = _extent(mask)
    return (first + last + 1) // 2


def _shifted(images: Tensor, shift: Tensor) -> Tensor:
    """Images [N, C, S, S] moved by whole pixels x y [N, 2]; nothing comes in from outside."""
    at = torch.arange(images.shape[-1], device=images.device)
    x, y = (at - shift[:, i, None] for i in (0, 1))
    there = ((x >= 0) & (x < len(at)))[:, None, :] & ((y >= 0) & (y < len(at)))[:, :, None]
    n = torch.arange(len(images), device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[n, y.clamp(0, len(at) - 1)[:, :, None], x.clamp(0, len(at) - 1)[:, None, :]]
    return (moved * there[..., None]).permute(0, 3, 1, 2)


def _worn(mask: Tensor) -> Tensor:
    """The mask without what is within three pixels of what it leaves out."""
    return 1 - F.max_pool2d(1 - mask, WORN, stride=1, padding=WORN // 2)


def _forward(images: Tensor) -> Tensor:
    """[N, 2, C, S, S]: to the next column, and to the next row; none from the last."""
    return torch.stack([F.pad(images.diff(dim=3), (0, 1)), F.pad(images.diff(dim=2), (0, 0, 0, 1))], dim=1)


def _back(gradients: Tensor) -> Tensor:
    """Each gradient as its neighbour before has it, x along columns and y along rows."""
    x, y = gradients.unbind(dim=1)
    return torch.stack([F.pad(x[..., :-1], (1, 0)), F.pad(y[..., :-1, :], (0, 0, 1, 0))], dim=1)


def _sines(first: Tensor, last: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Of each rectangle's inner pixels, between `first` and `last` [N]: waves [N, S, S] along one side, a row each, and
    what two differences make of each wave [N, S]; nought for waves that it has no room for.
    """
    inner = (last - first - 1).clamp(min=0)[:, None]
    wave, at = (torch.arange(side, device=first.device) + i for i in (1, 0))
    place = at - first[:, None]
    room = (wave <= inner)[:, :, None] & ((place > 0) & (place <= inner))[:, None, :]
    turns = wave[None, :, None] * place[:, None, :] % (2 * (inner + 1))[:, :, None]  # whole numbers: no sine is blurred
    waves = torch.sin(math.pi * turns / (inner + 1)[:, :, None]) * (2 / (inner + 1)[:, :, None]).sqrt()
    return waves * room, torch.where(wave <= inner, 2 * torch.cos(math.pi * wave / (inner + 1)) - 2, 0.0)
