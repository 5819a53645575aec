"""Degradations as training augmentation, each at random, batched on the images' device.

Images are float [N, 3, h, w], 0..255, BGR, on any device. Probabilities and strengths are CADDM's; how far saturation
and value are multiplied, and how coarse its coarse noise is, we did not know and chose.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from thb.detectors.base import beside, moved
from thb.detectors.caddm.jpeg import squeezed


def worsen(images: Tensor, share: float, rng: Generator) -> Tensor:
    """Every step in turn, on each image with the step's probability times `share`.

    A CPU generator chooses the images; what is drawn for them comes from one of their own device.
    """
    own = beside(rng, images.device)
    for chance, step in STEPS:
        chosen = (torch.rand(len(images), generator=rng) < chance * share).nonzero()[:, 0]
        if len(chosen):
            at = moved(chosen, images.device)
            images = images.index_copy(0, at, step(images[at], own).clamp(0, 255))
    return images


def between(low: float, high: float, images: Tensor, rng: Generator, each: int = 1) -> Tensor:
    """[N, each, 1, 1], uniform, beside the images."""
    return low + (high - low) * torch.rand(len(images), each, 1, 1, generator=rng, device=images.device)


def normal(shape: tuple[int, ...], images: Tensor, rng: Generator) -> Tensor:
    return torch.randn(shape, generator=rng, device=images.device)


# ── Steps ────────────────────────────────────────────────────────────────────────────────────────


def half_resolution(images: Tensor, rng: Generator) -> Tensor:
    return F.interpolate(F.avg_pool2d(images, 2), size=images.shape[-2:], mode="bilinear", align_corners=False)


def jpeg(images: Tensor, rng: Generator) -> Tensor:
    return squeezed(images, torch.randint(15, 81, (len(images),), generator=rng, device=images.device))


def stretch(images: Tensor, rng: Generator) -> Tensor:
    """Darkest to 0, brightest to 255."""
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    return (images - low) / (high - low).clamp(min=1) * 255


def coarse_noise(images: Tensor, rng: Generator) -> Tensor:
    """Grey noise in grains of a few pixels."""
    small = (len(images), 1, *(side // 4 for side in images.shape[-2:]))
    grains = F.interpolate(normal(small, images, rng), size=images.shape[-2:], mode="bilinear", align_corners=False)
    return images + 2 * grains


def colours(images: Tensor, rng: Generator) -> Tensor:
    """More or less saturation and value, each by up to a tenth; the hue stays."""
    factors = 0.9 + 0.2 * torch.rand(len(images), 2, 1, 1, generator=rng, device=images.device)
    return more_colour(images, factors[:, :1], factors[:, 1:])


def more_colour(images: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Saturation and value times factors [N, 1, 1, 1]: how far each channel lies below the brightest is scaled."""
    brightest = images.amax(dim=1, keepdim=True)
    below = (brightest - images) / brightest.clamp(min=1e-6)  # of all three the largest is the saturation
    most = below.amax(dim=1, keepdim=True)
    scale = torch.minimum(saturation, 1 / most.clamp(min=1e-6))
    return (brightest * value).clamp(max=255) * (1 - below * scale)


def gamma(images: Tensor, rng: Generator) -> Tensor:
    return (images / 255).clamp(0, 1) ** (1 / between(0.6, 1.4, images, rng)) * 255


def motion_blur(images: Tensor, rng: Generator) -> Tensor:
    """The mean of a pixel and those that follow on a line at any angle, 1 to 10 of them."""
    angle, length = between(0, 2 * math.pi, images, rng), between(1, 10, images, rng)
    y, x = _offsets(21, images)
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    return _filtered(images, ((across.abs() <= 0.5) & (along > -0.5) & (along < length - 0.5)).float())


def gaussian_blur(images: Tensor, rng: Generator) -> Tensor:
    """Of 3 x 3 pixels, as wide as OpenCV takes it for that size."""
    y, x = _offsets(3, images)
    return _filtered(images, (-(x**2 + y**2) / (2 * 0.8**2)).exp().expand(len(images), -1, -1, -1))


def noise(images: Tensor, rng: Generator) -> Tensor:
    """Strong or faint, half and half."""
    strong = between(0, 1, images, rng) < 0.5
    sigma = torch.where(strong, between(15, 22, images, rng), between(0, 5, images, rng))
    return images + sigma * normal(tuple(images.shape), images, rng)


def tone(images: Tensor, rng: Generator) -> Tensor:
    """Blended with one colour, by up to 30 %."""
    colour, share = between(0, 255, images, rng, each=3), between(0, 0.3, images, rng)
    return images + share * (colour - images)


STEPS: tuple[tuple[float, Callable[[Tensor, Generator], Tensor]], ...] = (
    (0.3, half_resolution),
    (0.3, jpeg),
    (0.5, stretch),
    (0.5, coarse_noise),
    (0.25, colours),
    (1.0, gamma),
    (0.3, motion_blur),
    (0.3, gaussian_blur),
    (0.3, noise),
    (0.3, tone),
)


def _offsets(size: int, images: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of a kernel, counted from its middle: [1, 1, size, 1] and [1, 1, 1, size]."""
    at = torch.arange(size, device=images.device) - size // 2
    return at.view(1, 1, -1, 1), at.view(1, 1, 1, -1)


def _filtered(images: Tensor, kernels: Tensor) -> Tensor:
    """Each image by its own kernel [N, 1, k, k], scaled to the sum 1; edge pixels repeated outside."""
    weights = (kernels / kernels.sum(dim=(2, 3), keepdim=True)).repeat_interleave(3, dim=0)
    padded = F.pad(images, (kernels.shape[-1] // 2,) * 4, mode="replicate")
    return F.conv2d(padded.flatten(0, 1)[None], weights, groups=len(weights))[0].view_as(images)
