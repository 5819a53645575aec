"""Degradations as training augmentation, each at random; all randomness comes from one CPU generator.

Images are float [N, 3, h, w], 0..255, BGR, on any device. Probabilities and strengths are CADDM's; how far saturation
and value are multiplied, and how coarse its coarse noise is, we did not know and chose.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def worsen(images: Tensor, share: float, rng: Generator) -> Tensor:
    """Every step in turn, on each image with the step's probability times `share`."""
    for chance, step in STEPS:
        chosen = (torch.rand(len(images), generator=rng) < chance * share).nonzero()[:, 0].to(images.device)
        if len(chosen):
            images = images.index_copy(0, chosen, step(images[chosen], rng).clamp(0, 255))
    return images


def between(low: float, high: float, images: Tensor, rng: Generator, each: int = 1) -> Tensor:
    """[N, each, 1, 1], uniform, beside the images."""
    drawn = torch.rand(len(images), each, 1, 1, generator=rng)
    return (low + (high - low) * drawn).to(images.device)


def normal(shape: tuple[int, ...], images: Tensor, rng: Generator) -> Tensor:
    return torch.randn(shape, generator=rng).to(images.device)


# ── Steps ────────────────────────────────────────────────────────────────────────────────────────


def half_resolution(images: Tensor, rng: Generator) -> Tensor:
    return F.interpolate(F.avg_pool2d(images, 2), size=images.shape[-2:], mode="bilinear", align_corners=False)


def jpeg(images: Tensor, rng: Generator) -> Tensor:
    qualities = iter(torch.randint(15, 81, (len(images),), generator=rng).tolist())

    def squeeze(image: np.ndarray) -> np.ndarray:
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, next(qualities)])[1]
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # it is None of bytes that are no picture
        return decoded

    return _each_by_opencv(images, squeeze)


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
    """More or less saturation and value, each by up to a tenth."""
    factors = iter((0.9 + 0.2 * torch.rand(len(images), 2, generator=rng)).numpy())

    def multiply(image: np.ndarray) -> np.ndarray:
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.float32)
        hsv[..., 1:] = (hsv[..., 1:] * next(factors)).clip(0, 255)
        return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)

    return _each_by_opencv(images, multiply)


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


def _each_by_opencv(images: Tensor, change: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """`change` takes and gives uint8 [h, w, 3], BGR."""
    pixels = images.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    changed = np.stack([change(np.ascontiguousarray(image)) for image in pixels])
    return torch.from_numpy(changed).permute(0, 3, 1, 2).to(images)
