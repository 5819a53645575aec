"""What all networks under test share: clips in, one probability of fake per clip out.

A network's own file says what it does with frames (`view`), with a view (`forward`), and where a
heat map is read (`cam_layer`). Everything that must be equal for a comparison to be fair is here:
which frames are seen, how a face is cut out, how units become a clip's score, how weights are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Generator, Tensor, nn

from thb.errors import DataError, ParamsError


@dataclass(frozen=True)
class Training:
    """Settings that every network has; its Config adds its own. Values live in params.yaml."""

    epochs: int
    repeats: int                                # times an epoch visits each clip
    batch: int                                  # clips
    lr: float                                   # at the end of the warm-up
    warmup_epochs: float
    warmup_lr: float
    min_lr: float
    lr_every: Literal["epoch", "batch"]         # how often the rate moves
    lr_delay: int                               # epochs by which the schedule lags
    weight_decay: float
    label_smoothing: float
    start_from: Literal["scratch", "ffpp"]      # ffpp: the fit on face swaps


@dataclass(frozen=True)
class Clips:
    """A batch of B clips, U units of L consecutive frames each, on the network's device."""

    frames: Tensor      # uint8 [B, U, L, S, S, 3] RGB
    boxes: Tensor       # float [B, 4] x0 y0 x1 y1, fractions of the frame side
    landmarks: Tensor   # float [B, 5, 2] x y, fractions of the frame side
    labels: Tensor      # int64 [B], 1 = fake


class Network(nn.Module):
    """A detector that sees frames; subclasses write `view`, `forward` and `cam_layer`."""

    reads: ClassVar[str] = "frames"

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    @property
    def length(self) -> int:
        """Consecutive frames of one unit."""
        return self.config.frames

    @property
    def train_units(self) -> int:
        """Units drawn from a clip for one training step."""
        return self.config.train_windows

    def view(self, clips: Clips, rng: Generator | None) -> Tensor:
        """The network's own input, [B * U, …]; augmented by draws from `rng`, as in a test if None."""
        raise NotImplementedError

    def forward(self, view: Tensor) -> Tensor:
        """[B * U, …] -> logits [B * U, 2], real then fake."""
        raise NotImplementedError

    def cam_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """The layer a heat map is read from, and what turns its output into [B * U, channels, h, w]."""
        raise NotImplementedError

    def warm_start(self) -> None:
        """Load what a fit from scratch starts from; nothing unless the detector has such weights."""

    def clip_logits(self, clips: Clips, rng: Generator | None = None) -> Tensor:
        """float [B, 2]: the mean of each clip's unit logits."""
        units = clips.frames.shape[1]
        return self(self.view(clips, rng)).float().unflatten(0, (-1, units)).mean(dim=1)

    def loss(self, clips: Clips, rng: Generator) -> Tensor:
        """The scalar to be minimised on a training batch."""
        return F.cross_entropy(self.clip_logits(clips, rng), clips.labels,
                               label_smoothing=self.config.label_smoothing)

    def score(self, clips: Clips) -> Tensor:
        """float64 [B] in [0, 1]: the probability of fake."""
        return self.clip_logits(clips).double().softmax(dim=1)[:, 1]

    def optimiser(self) -> torch.optim.Optimizer:
        """AdamW; biases, gains and norms are not decayed."""
        kept = [p for p in self.parameters() if p.requires_grad]
        groups = [{"params": [p for p in kept if p.ndim > 1], "weight_decay": self.config.weight_decay},
                  {"params": [p for p in kept if p.ndim <= 1], "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.config.lr)

    def rate(self, epoch: float) -> float:
        """The learning rate after `epoch` epochs (a fraction while one runs)."""
        reached = math.floor(epoch) if self.config.lr_every == "epoch" else epoch
        return warm_cosine(self.config, max(0.0, reached - self.config.lr_delay))

    def save(self, path: Path, about: dict[str, str]) -> None:
        save_file({k: v.detach().cpu().contiguous() for k, v in self.state_dict().items()}, path, about)

    @classmethod
    def restore(cls, path: Path, config: Any) -> Self:
        """The network in eval mode on the CPU; every name and shape must match."""
        network = cls(config)
        network.take_weights(load_file(path), path)
        return network.eval()

    def take_weights(self, weights: dict[str, Tensor], path: Path) -> None:
        """Load weights that must fit exactly; the first misfit is named."""
        own = {k: tuple(v.shape) for k, v in self.state_dict().items()}
        given = {k: tuple(v.shape) for k, v in weights.items()}
        if odd := sorted(own.items() ^ given.items()):
            name = odd[0][0]
            raise DataError(f"{path} does not fit the network: {name} is {given.get(name, 'absent')} there, "
                            f"{own.get(name, 'absent')} here ({len({k for k, _ in odd})} names differ)")
        self.load_state_dict(weights)


def warm_cosine(c: Training, epoch: float) -> float:
    """A straight rise to `lr`, then the half cosine over all epochs, taken up where the rise ends."""
    if epoch < c.warmup_epochs:
        return c.warmup_lr + (c.lr - c.warmup_lr) * epoch / c.warmup_epochs
    return c.min_lr + (c.lr - c.min_lr) * (1 + math.cos(math.pi * min(1.0, epoch / c.epochs))) / 2


# ── Which frames are seen ────────────────────────────────────────────────────────────────────────


def spans(clips: int, windows: int, run: int, length: int, take: int, rng: Generator | None) -> Tensor:
    """int64 [clips, U]: the first frames of units of `length` frames, never across two windows.

    In a test (`rng` None) every window from its first frame; in training `take` different windows a
    clip, in order, each begun at a random frame that leaves room.
    """
    if length > run:
        raise ParamsError(f"a unit of {length} frames does not fit into the {run} consecutive frames that "
                          f"the store keeps; set store.run to at least {length}")
    if rng is None:
        return (torch.arange(windows) * run).expand(clips, windows)
    take = min(take, windows)
    window = torch.rand(clips, windows, generator=rng).argsort(dim=1)[:, :take].sort(dim=1).values
    return window * run + torch.randint(run - length + 1, (clips, take), generator=rng)


# ── How a face is cut out ────────────────────────────────────────────────────────────────────────


def square_around(boxes: Tensor, margin: float) -> Tensor:
    """Boxes [B, 4] -> [B, 4]: squares about their centres, `margin` times the longer side."""
    side = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True) * margin
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat([centre - side / 2, centre + side / 2], dim=1)


def pixel_square(boxes: Tensor, size: int, frame: int) -> Tensor:
    """Boxes [B, 4] -> [B, 4]: `size` whole pixels of a `frame`-pixel side about their centres, kept inside.

    A crop of such a square to `size` pixels copies pixels and resamples nothing, so that the finest
    texture reaches the network.
    """
    if size > frame:
        raise ParamsError(f"a native crop of {size} px does not fit into the store's {frame} px; "
                          f"set size to at most {frame}")
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
    shape = (-1, 1, 1)
    return (images - images.new_tensor(mean).view(shape)) / images.new_tensor(std).view(shape)
