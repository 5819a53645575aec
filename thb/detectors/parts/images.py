"""Images between the clip store and a network: how a face is cut out, and what small stems see (no timm)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thb.core.errors import ParamsError

HAIR = 1e-3  # of a pixel: what a whole number may be off after its way through fractions
SQUARE = 12  # values of 2 x 2 pixels, which a small network lays into channels
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def square_around(boxes: Tensor, margin: float) -> Tensor:
    """Boxes [..., 4] -> [..., 4]: squares about their centres, `margin` times the longer side."""
    side = (boxes[..., 2:] - boxes[..., :2]).amax(dim=-1, keepdim=True) * margin
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    return torch.cat([centre - side / 2, centre + side / 2], dim=-1)


def native_fits(size: int, frame: int) -> None:
    """Pixels as they are cannot be more than there are."""
    if size > frame:
        raise ParamsError(
            f"a native crop of {size} px does not fit into the store's {frame} px; set size to at most {frame}"
        )


def pixel_square(boxes: Tensor, size: int, frame: int) -> Tensor:
    """Boxes [..., 4] -> [..., 4]: `size` whole pixels of a `frame`-pixel side about their centres, kept inside."""
    native_fits(size, frame)
    corner = ((boxes[..., :2] + boxes[..., 2:]) / 2 * frame - size / 2).round().clamp(0, frame - size)
    return torch.cat([corner, corner + size], dim=-1) / frame


def copied(frames: Tensor, boxes: Tensor, size: int, mirror: Tensor | None = None) -> Tensor:
    """As `crop`, of the `pixel_square` about each box: pixels are copied, so that the finest texture is kept."""
    side = frames.shape[2]
    x, y = (pixel_square(boxes, size, side)[..., :2] * side).round().long().unbind(dim=-1)  # [B, N]
    squares = frames.unfold(2, size, 1).unfold(3, size, 1)  # [B, N, corners' y, corners' x, 3, size, size], no copy
    clip, frame = (torch.arange(n, device=frames.device) for n in frames.shape[:2])
    pixels = squares[clip[:, None], frame, y, x]
    if mirror is not None:
        pixels = torch.where(mirror.view(-1, 1, 1, 1, 1), pixels.flip(-1), pixels)
    return pixels.float() / 255


def crop(frames: Tensor, boxes: Tensor, size: int, margin: float, mirror: Tensor | None = None) -> Tensor:
    """Cut each frame's square, `margin` times its box, resampled as PIL's bilinear filter does, antialiased.

    frames uint8 [B, N, S, S, 3], boxes [B, N, 4] fractions within 0..1, mirror bool [B] -> float [B, N, 3, size, size]
    in 0..1, colours in the order in which they came; edge pixels are repeated outside.
    """
    return resampled(frames, square_around(boxes, margin), size, margin / 2, mirror)


def resampled(frames: Tensor, squares: Tensor, size: int, beyond: float, mirror: Tensor | None = None) -> Tensor:
    """As `crop`, of any boxes [B, N, 4] that reach no further than `beyond` sides out of the frame."""
    count, side = frames.shape[1:3]
    across, down = (_filter(squares.flatten(0, 1)[:, i::2] * side, size, side, beyond) for i in (0, 1))
    if mirror is not None:
        across = torch.where(mirror.repeat_interleave(count)[:, None, None], across.flip(1), across)
    pixels = frames.flatten(0, 1).permute(0, 3, 1, 2).float() / 255
    return (down[:, None] @ pixels @ across[:, None].mT).unflatten(0, (-1, count))


def _filter(edges: Tensor, size: int, side: int, beyond: float) -> Tensor:
    """Edges [M, 2], in pixels, of strips of a side -> [M, size, side]: of each new pixel the shares of the old ones.

    A triangle as wide as two new pixels, or two old ones if those are wider; nothing from outside the strip.
    """
    outside, (low, high) = math.ceil(beyond * side), edges[:, :, None].unbind(dim=1)
    scale = (high - low) / size
    centres = low + (torch.arange(size, device=edges.device) + 0.5) * scale
    at = torch.arange(-outside, side + outside, device=edges.device) + 0.5
    shares = (1 - ((at - centres[..., None]) / scale.clamp(min=1)[..., None]).abs()).clamp(min=0)
    within = (at > (low + HAIR).floor()) & (at < (high - HAIR).ceil())
    shares = shares * within[:, None]
    shares = shares / shares.sum(dim=2, keepdim=True)
    inside = shares[:, :, outside : outside + side].clone()
    inside[:, :, 0] += shares[:, :, :outside].sum(dim=2)
    inside[:, :, -1] += shares[:, :, outside + side :].sum(dim=2)
    return inside


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
    """[N, 3, s, s] -> [N, 12, s/2, s/2]: each pixel minus the mean of its 3 x 3 neighbourhood, edge pixels repeated.

    Squares of 2 x 2 pixels are laid into channels, by colour, then row by row: what convolutions make of them costs a
    quarter, and nothing is lost.
    """
    return _squares(images, _kernels(images.device)[:SQUARE])


def detail_and_motion(frames: Tensor) -> Tensor:
    """[N, L, 3, s, s] -> [N * L, 24, s/2, s/2]: `fine_detail`, and each pixel minus its mean over the L frames."""
    detail, pixels = _squares(frames.flatten(0, 1), _kernels(frames.device)).split(SQUARE, dim=1)
    still = pixels.unflatten(0, frames.shape[:2]).mean(dim=1, keepdim=True).expand(-1, frames.shape[1], -1, -1, -1)
    return torch.cat([detail, pixels - still.flatten(0, 1)], dim=1)


def _squares(images: Tensor, kernels: Tensor) -> Tensor:
    """[N, 3, s, s] -> [N, kernels, s/2, s/2], channels last: each kernel looks at one pixel of a square, and about it.

    In full precision, whatever a network's own is: a trace is fainter than what rounding takes.
    """
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate").contiguous(memory_format=torch.channels_last)
    exact, kind = (
        torch.backends.cudnn.flags(True, benchmark=False, deterministic=True, allow_tf32=False),
        images.device.type,
    )
    with exact, torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext():
        return F.conv2d(padded, kernels, stride=2)


@cache
def _kernels(device: torch.device) -> Tensor:
    """float32 [24, 3, 4, 4], of each value of a square: what it has over its neighbourhood's mean; itself."""
    with torch.inference_mode(False):  # as `constant`
        kernels = torch.zeros(2, 3, 2, 2, 3, 4, 4)
        for colour, y, x in itertools.product(range(3), range(2), range(2)):
            kernels[0, colour, y, x, colour, y : y + 3, x : x + 3] = -1 / 9
            kernels[:, colour, y, x, colour, y + 1, x + 1] += 1
        return kernels.flatten(1, 3).flatten(0, 1).to(device, memory_format=torch.channels_last)


def convolutions(widths: Sequence[int], strides: Sequence[int]) -> list[nn.Module]:
    """From each width to the next: 3 x 3, batch norm, ReLU."""
    layers = []
    for (inputs, outputs), stride in zip(itertools.pairwise(widths), strides, strict=True):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return layers
