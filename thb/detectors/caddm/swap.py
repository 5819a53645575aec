"""Multi-scale facial swap: fakes made from a fake frame and the real frame beneath it, with known places of change.

Frames are float [N, 3, S, S], 0..255, on any device. What decides on a shape, as which frames are swapped and how, is
drawn and kept on the CPU, so that no device is ever asked. The authors
have 81 landmarks and take their convex hull for the face; we have a box and five landmarks, and take the
ellipse in the box, tilted as the eyes are.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from thb.detectors.base import beside, moved
from thb.detectors.caddm.poisson import blended, centres
from thb.detectors.parts.images import constant

REAL_FACE, FAKE_FACE, UNTOUCHED, PATCH = range(4)  # what is pasted into which: see `swap`

WINDOWS = torch.tensor([(40, 80), (80, 120), (120, 160), (224, 224)]) / 224  # height, width: shares of a face crop
FACE_MARGIN = 1.2  # of the crop in which a patch is sought, times the box
CHANGED = 1e-3  # DSSIM above which a colour of a pixel counts as changed
ENOUGH = 4800 / (3 * 224**2)  # the share of a crop's values that a patch must have changed, or it teaches nothing


def swap(
    fakes: Tensor,
    reals: Tensor,
    boxes: Tensor,
    landmarks: Tensor,
    kinds: Tensor,
    poisson: float,
    mask_warp: float,
    official: bool,
    rng: Generator,
) -> tuple[Tensor, Tensor]:
    """Frames [N, 3, S, S], and windows [N, 2].

    REAL_FACE: the real face in the fake frame; FAKE_FACE: the fake face in the real frame; PATCH: the window
    of the fake face that differs most, in the real frame. A share `poisson` is blended by Poisson's equation where
    OpenCV can do it, the rest by alpha. boxes [N, 4] and landmarks [N, 5, 2]: fractions; kinds [N] on the CPU.
    """
    device = fakes.device
    windows = moved(WINDOWS[torch.randint(len(WINDOWS), (len(fakes),), generator=rng)], device)
    masks = face_masks(boxes, landmarks, fakes.shape[-1], mask_warp, rng)
    corners = torch.full((len(fakes), 2), torch.nan, device=device)
    if len(at := moved((kinds == PATCH).nonzero()[:, 0], device)):
        patches, corners[at] = patch_masks(fakes[at], reals[at], boxes[at], landmarks[at], windows[at], official)
        masks = masks.index_copy(0, at, patches)
    by_real = moved(kinds == REAL_FACE, device).view(-1, 1, 1, 1)
    top, base = torch.where(by_real, reals, fakes), torch.where(by_real, fakes, reals)
    frames = base + blurred(masks, 5, 3.0) * (top - base)
    untouched = kinds == UNTOUCHED
    cloned = (torch.rand(len(fakes), generator=rng) < poisson) & ~untouched
    if len(at := moved(cloned.nonzero()[:, 0], device)):
        places = published_places(masks[at], corners[at]) if official else None
        mixed, there = blended(top[at], base[at], masks[at], places)
        frames = frames.index_copy(0, at, torch.where(there.view(-1, 1, 1, 1), mixed, frames[at]))
    return torch.where(moved(untouched, device).view(-1, 1, 1, 1), fakes, frames), windows


def published_places(masks: Tensor, corners: Tensor) -> Tensor:
    """int64 [N, 2] x y: where the published code puts the centres of masks [N, 1, S, S] for Poisson blending.

    A face's as (y, x); a patch's as it lies in the crop, whose corner [N, 2] is forgotten; NaN: no patch.
    """
    centre = centres(masks)
    return torch.where(corners.isnan(), centre.flip(1), centre - corners.nan_to_num().long())


def sampled_kinds(certain: Tensor, shares: tuple[float, ...], rng: Generator) -> Tensor:
    """int64 [N]: what is pasted into which, by `shares` (REAL_FACE, FAKE_FACE, UNTOUCHED, PATCH); never nothing
    where `certain`.
    """
    weights = torch.tensor(shares, dtype=torch.float64).repeat(len(certain), 1)
    weights[certain, UNTOUCHED] = 0
    return torch.multinomial(weights, 1, generator=rng)[:, 0]


# ── Masks ────────────────────────────────────────────────────────────────────────────────────────


def face_masks(boxes: Tensor, landmarks: Tensor, side: int, warp: float, rng: Generator) -> Tensor:
    """float [N, 1, S, S], 0 or 1; a share `warp` of the outlines is bent."""
    places = _places(boxes, side)
    bent = moved((torch.rand(len(boxes), generator=rng) < warp).nonzero()[:, 0], boxes.device)
    if len(bent):
        places = places.index_copy(0, bent, places[bent] + _bend(len(bent), side, rng, boxes.device))
    return _inside(places, boxes, landmarks)


def _places(boxes: Tensor, side: int) -> Tensor:
    """Where each pixel lies, fractions x y [N, 2, S, S]."""
    at = (torch.arange(side, device=boxes.device) + 0.5) / side
    return torch.stack(torch.meshgrid(at, at, indexing="xy")).expand(len(boxes), -1, -1, -1)


def _inside(places: Tensor, boxes: Tensor, landmarks: Tensor) -> Tensor:
    """Which places lie on the face, float [N, 1, S, S], 0 or 1."""
    x, y = (places - ((boxes[:, :2] + boxes[:, 2:]) / 2)[..., None, None]).unbind(dim=1)
    eyes = (landmarks[:, 1] - landmarks[:, 0]).nan_to_num()
    tilt = torch.atan2(eyes[:, 1], eyes[:, 0])[:, None, None]
    half = ((boxes[:, 2:] - boxes[:, :2]) / 2)[..., None, None]
    across, along = x * tilt.cos() + y * tilt.sin(), y * tilt.cos() - x * tilt.sin()
    return ((across / half[:, 0]) ** 2 + (along / half[:, 1]) ** 2 <= 1)[:, None].float()


def _bend(count: int, side: int, rng: Generator, device: torch.device) -> Tensor:
    """A smooth random shift of every place, fractions [count, 2, S, S]."""
    own, sigma = beside(rng, device), 0.08 * side
    strength = torch.randint(300, 501, (count, 1, 1, 1), generator=own, device=device)
    rough = torch.rand(count, 2, side, side, generator=own, device=device) * 2 - 1
    return strength * blurred(rough, 2 * math.ceil(3 * sigma) + 1, sigma) / side


def patch_masks(
    fakes: Tensor, reals: Tensor, boxes: Tensor, landmarks: Tensor, windows: Tensor, official: bool
) -> tuple[Tensor, Tensor]:
    """Masks [M, 1, S, S] of the windows with the most change of the face itself, and the boxes' corners, pixels x y.

    Official: the window is placed as if the crop in which it was found had no margin.
    """
    side = fakes.shape[-1]
    crops, corners = face_crops(boxes, side), (boxes[:, :2] * side).round()
    change = dssim(fakes, reals).mean(dim=1) * _inside(_places(boxes, side), boxes, landmarks)[:, 0]
    places = most_changed(change, crops, windows)
    if official:
        places = places + (corners - crops[:, :2]).repeat(1, 2)
    return filled(places, side)[:, None].float(), corners


def face_crops(boxes: Tensor, side: int) -> Tensor:
    """Whole pixels x0 y0 x1 y1 [M, 4] of boxes with their margin, kept inside the frame."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * FACE_MARGIN
    return (torch.cat([centre - half, centre + half], dim=1) * side).round().clamp(0, side)


def filled(boxes: Tensor, side: int) -> Tensor:
    """bool [M, S, S]: the pixels inside of boxes x0 y0 x1 y1."""
    at = torch.arange(side, device=boxes.device)
    x, y = ((at >= boxes[:, i, None]) & (at < boxes[:, i + 2, None]) for i in (0, 1))
    return y[:, :, None] & x[:, None, :]


# ── Where two frames differ ──────────────────────────────────────────────────────────────────────


def dssim(one: Tensor, other: Tensor) -> Tensor:
    """|(1 - SSIM) / 2| of each colour of each pixel, [N, 3, h, w]: 11 x 11 windows, sigma 1.5."""

    def mean(x: Tensor) -> Tensor:
        return blurred(x, 11, 1.5)

    a, b = mean(one), mean(other)
    var_a, var_b, cov = mean(one**2) - a**2, mean(other**2) - b**2, mean(one * other) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ssim = (2 * a * b + c1) * (2 * cov + c2) / ((a**2 + b**2 + c1) * (var_a + var_b + c2))
    return ((1 - ssim) / 2).abs()


def changed_enough(change: Tensor) -> Tensor:
    """bool [N]: whether a patch can be seen in the DSSIM [N, 3, h, w] of a crop and the original."""
    return (change > CHANGED).float().mean(dim=(1, 2, 3)) > ENOUGH


def most_changed(change: Tensor, areas: Tensor, windows: Tensor) -> Tensor:
    """The window of each area with the largest sum: change [M, h, w] -> pixels x0 y0 x1 y1 [M, 4].

    areas: whole pixels [M, 4]; windows [M, 2]: height and width, shares of the area. Windows stand at the
    area's fifths.
    """
    left, wide, columns = _strips(areas[:, 0], areas[:, 2], windows[:, 1], change.shape[2])
    top, high, rows = _strips(areas[:, 1], areas[:, 3], windows[:, 0], change.shape[1])
    sums = torch.einsum("myh,mhw,mxw->myx", rows, change.clamp(min=1e-12), columns)
    best = sums.flatten(1).argmax(dim=1)
    x, y = left.gather(1, best[:, None] % 5)[:, 0], top.gather(1, best[:, None] // 5)[:, 0]
    return torch.stack([x, y, x + wide, y + high], dim=1)


def _strips(low: Tensor, high: Tensor, share: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Starts [M, 5], widths [M], and which of `length` pixels each covers [M, 5, length]; none if it does not fit."""
    width = ((high - low) * share).round()
    starts = low[:, None] + torch.arange(5, device=low.device) * ((high - low) // 5)[:, None]
    ends = starts + width[:, None]
    at = torch.arange(length, device=low.device)
    covered = (at >= starts[..., None]) & (at < ends[..., None]) & (ends <= high[:, None])[..., None]
    return starts, width, covered.float()


def blurred(images: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussian, rows then columns; mirrored outside, or edge pixels repeated where there are too few to mirror."""
    at = torch.arange(size, device=images.device) - size // 2
    kernel = (-(at**2) / (2 * sigma**2)).exp()
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    planes = images.flatten(0, 1)[:, None]
    padded = F.pad(planes, (size // 2,) * 4, mode="reflect" if size // 2 < planes.shape[-1] else "replicate")
    return F.conv2d(F.conv2d(padded, kernel), kernel.mT).view_as(images)


# ── Reals made into fakes ────────────────────────────────────────────────────────────────────────


def look_alike(frames: Tensor, rng: Generator) -> Tensor:
    """The same frames a little moved, scaled, tinted, and half of them softened: to be blended with themselves."""
    draw = moved(torch.rand(len(frames), 7, generator=rng), frames.device) * 2 - 1
    theta = torch.zeros(len(frames), 2, 3, device=frames.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + 0.05 * draw[:, 0]
    theta[:, :, 2] = draw[:, 1:3] * constant((0.06, 0.03), frames.device)
    grid = F.affine_grid(theta, list(frames.shape), align_corners=False)
    near = F.grid_sample(frames, grid, padding_mode="border", align_corners=False)
    near = torch.where((draw[:, 3] > 0).view(-1, 1, 1, 1), blurred(near, 5, 0.8), near)
    return (near + 20 * draw[:, 4:, None, None]).clamp(0, 255)
