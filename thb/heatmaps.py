"""Grad-CAM of any network: how much each place of its last maps raises the logit of fake, by the library grad-cam.

The library stretches every map to 0..1, so that a map of nothing looks like a map of much. Here maps keep
their values: those of one network can be compared, and a picture of several says what its scale is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thb.detectors.base import Clips, Network
from thb.torch_compat import backbone

FAKE = -1       # the last logit, whether there are two or one


@dataclass(frozen=True)
class Heat:
    """B clips of U units of L frames: what the network saw, and the heat over it."""

    pictures: np.ndarray    # float32 [B * U, L, h, w, 3] RGB in 0..1
    maps: np.ndarray        # float32 [B * U, L, h', w'], 0 or more: they cover the pictures, coarsely


def heat(network: Network, clips: Clips) -> Heat:
    """Grad-CAM on `network.cam_layer()`, each unit by itself; the network is left in eval mode."""
    units = clips.frames.shape[0] * clips.frames.shape[1]
    with torch.no_grad():
        view, pictures = network.view(clips, None), network.shown(clips)
    maps = network.frames_of_map(torch.from_numpy(_grad_cam(network, view)), units)
    return Heat(pictures.permute(0, 1, 3, 4, 2).cpu().numpy(), maps.contiguous().numpy())


def _grad_cam(network: Network, view: Any) -> np.ndarray:
    """float32 [maps, h, w], from the network's own view."""
    layer, to_map = network.cam_layer()
    first, *rest = view if isinstance(view, tuple) else (view,)
    cam = _library()(_OneInput(network, rest), [layer], to_map)
    # Where all before the layer is frozen, only the input can carry a gradient back to it.
    cam.compute_input_gradient = not all(p.requires_grad for p in network.parameters())
    try:
        return cam(first, [_fake_logit] * len(first))
    finally:
        cam.activations_and_grads.release()
        network.zero_grad(set_to_none=True)


def _fake_logit(logits: Tensor) -> Tensor:
    return logits[FAKE]


class _OneInput(nn.Module):
    """The library passes one tensor through; a view of several keeps the others here."""

    def __init__(self, network: Network, rest: list[Tensor]) -> None:
        super().__init__()
        self.network, self.rest = network, rest

    def forward(self, first: Tensor) -> Tensor:
        return self.network((first, *self.rest) if self.rest else first)


@cache
def _library() -> type:
    """The library's GradCAM without its stretching to 0..1 and to the input's size."""
    grad_cam = backbone("pytorch_grad_cam").GradCAM

    class PlainGradCAM(grad_cam):
        def compute_cam_per_layer(self, input_tensor: Tensor, targets: list, eigen_smooth: bool) -> np.ndarray:
            (activations,), (gradients,) = self.activations_and_grads.activations, self.activations_and_grads.gradients
            maps = self.get_cam_image(input_tensor, self.target_layers[0], targets, activations.numpy(),
                                      gradients.numpy(), eigen_smooth)
            return np.maximum(maps, 0).astype(np.float32)

        def aggregate_multi_layers(self, maps: np.ndarray) -> np.ndarray:
            return maps

    return PlainGradCAM
