"""Grad-CAM of any network: how much each place of its last maps raises the logit of fake, by the library grad-cam.

The library rescales every map to 0..1, so that a weak map looks like a strong one. Here maps keep their values:
those of one network can be compared, and a picture of several says what its scale is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thb.detectors.base import Clips, Network
from thb.detectors.parts.torch_ready import backbone

COLOURS = 3  # of a picture


@dataclass(frozen=True)
class Heat:
    """B clips of U units of L frames: what the network saw, and the heat over it."""

    pictures: np.ndarray  # float32 [B * U, L, h, w, 3] RGB in 0..1
    maps: np.ndarray  # float32 [B * U, L, h', w'], 0 or more: they cover the pictures, coarsely


def heat(network: Network, clips: Clips) -> Heat:
    """Grad-CAM on `network.cam_layer()`, each unit by itself; the network is left in eval mode."""
    units = clips.frames.shape[0] * clips.frames.shape[1]
    with torch.no_grad():
        view, pictures = network.view(clips, None), network.shown(clips)
    maps = network.frames_of_map(torch.from_numpy(_grad_cam(network, view, *network.cam_layer())), units)
    return Heat(pictures.permute(0, 1, 3, 4, 2).cpu().numpy(), maps.contiguous().numpy())


def masks(network: Network, clips: Clips, layers: np.ndarray) -> np.ndarray:
    """Layers bool [B, U, L, R, H, H] of whole frames -> float32 [B * U, L, R, h, w], as `shown` crops those frames."""
    side, count, grid = clips.frames.shape[-2], layers.shape[3], layers.shape[-1]
    start, end = np.split(clips.squares.cpu().numpy(), 2, axis=-1)
    at = start[..., None] + (np.arange(side) + 0.5) / side * (end - start)[..., None]  # [B, U, L, 2, side], x then y
    x, y = np.moveaxis(np.clip((at * grid).astype(int), 0, grid - 1), 3, 0)
    frame = (one[..., None, None] for one in np.ogrid[tuple(slice(n) for n in layers.shape[:3])])
    cut = np.moveaxis(layers, 3, 5)[*frame, y[..., None], x[..., None, :]]  # [B, U, L, side, side, R]
    shown = []
    for first in range(0, count, COLOURS):  # a picture has room for three of them
        few = cut[..., first : first + COLOURS]
        frames = np.zeros((*few.shape[:-1], COLOURS), np.uint8)
        frames[..., : few.shape[-1]] = few * np.uint8(255)
        shown.append(network.shown(replace(clips, frames=torch.from_numpy(frames).to(clips.frames.device))))
    return torch.cat(shown, dim=2)[:, :, :count].clamp(0, 1).cpu().numpy()


def enlarged(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """[..., h', w'] -> [..., height, width], bilinear."""
    flat = torch.from_numpy(maps).flatten(0, -3)[:, None]
    large = F.interpolate(flat, size=(height, width), mode="bilinear", align_corners=False)
    return large.view(*maps.shape[:-2], height, width).numpy()


def sound_heat(network: Network, clips: Clips) -> np.ndarray:
    """Grad-CAM of what was heard, on `network.sound_layer()`: float32 [B * U, h, w], columns are time."""
    with torch.no_grad():
        view = network.view(clips, None)
    return _grad_cam(network, view, *network.sound_layer())


def _grad_cam(network: Network, view: Any, layer: nn.Module, to_map: Callable[[Tensor], Tensor]) -> np.ndarray:
    """float32 [maps, h, w], from the network's own view and what a layer makes of it."""
    first, *rest = view if isinstance(view, tuple) else (view,)
    with _rooted(network, layer):
        cam = _library()(_OneInput(network, rest), [layer], to_map)
        try:
            return cam(first, [lambda logits: logits[-1]] * len(first))  # of fake, whether there are two logits or one
        finally:
            cam.activations_and_grads.release()


@contextmanager
def _rooted(network: Network, layer: nn.Module) -> Iterator[None]:
    """Gradients stop at the layer's output, so that what lies before it costs nothing."""
    trained = [p for p in network.parameters() if p.requires_grad]
    hook = layer.register_forward_hook(lambda module, given, output: output.detach().requires_grad_())
    network.requires_grad_(False)
    try:
        yield
    finally:
        hook.remove()
        for parameter in trained:
            parameter.requires_grad_(True)


class _OneInput(nn.Module):
    """The library passes one tensor through; the other tensors of a view are kept here."""

    def __init__(self, network: Network, rest: list[Tensor]) -> None:
        super().__init__()
        self.network, self.rest = network, rest

    def forward(self, first: Tensor) -> Tensor:
        return self.network((first, *self.rest) if self.rest else first)


@cache
def _library() -> type:
    """The library's GradCAM without rescaling to 0..1 and to the input's size."""
    grad_cam = backbone("pytorch_grad_cam").GradCAM

    class PlainGradCAM(grad_cam):
        def compute_cam_per_layer(self, input_tensor: Tensor, targets: list, eigen_smooth: bool) -> np.ndarray:
            (activations,), (gradients,) = self.activations_and_grads.activations, self.activations_and_grads.gradients
            maps = self.get_cam_image(
                input_tensor, self.target_layers[0], targets, activations.numpy(), gradients.numpy(), eigen_smooth
            )
            return np.maximum(maps, 0).astype(np.float32)

        def aggregate_multi_layers(self, maps: np.ndarray) -> np.ndarray:
            return maps

    return PlainGradCAM
