"""CADDM: a network that must point at what was swapped, so that it cannot lean on who is seen.

in    one face, BGR, 0..255 as it is (no mean, no deviation), float [N, 3, size, size]; its eyes, nose and
      mouth on fixed places (`crop: aligned`), or pixels as they are stored (`native`)
out   logits [N, 2] (real, fake); a clip's score is the mean softmax[1] of its frames. Beside them, for 168
      anchors, four box offsets and two logits (unchanged, changed): `evidence` and `boxes`

At the published size, without the backbone's unused 1000-way head: ResNet-34 43,490,162 parameters,
EfficientNet-B3 209,433,178, -B4 287,943,546; the published counts include that head. The small one
(`backbone: small`) puts plain convolutions on high-passed pixels in the backbone's place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from thb.core.errors import ParamsError
from thb.core.ranges import Amount, Factor, Part, Share, Strength, Width
from thb.detectors.base import Clips, Network, Training, moved
from thb.detectors.caddm import names
from thb.detectors.caddm import swap as facial
from thb.detectors.caddm.augment import worsen
from thb.detectors.caddm.boxes import SCALES, anchors, decoded, multibox_loss, transposed
from thb.detectors.caddm.placement import aligned, cut_out, jittered, mirrored, stretched_over
from thb.detectors.parts.images import SQUARE, constant, convolutions, fine_detail, pixel_square, square_around
from thb.detectors.parts.torch_ready import backbone
from thb.detectors.parts.weights import load_backbone

# Where the aligned crop has eyes, nose and corners of the mouth: pixels of 224.
TEMPLATE = ((75.75, 92.56), (147.75, 92.38), (111.63, 144.58), (81.90, 186.02), (141.85, 185.42))
# Channels of a published network -> its backbone and dropout.
PUBLISHED = {512: ("resnet34", 0.0), 1536: ("tf_efficientnet_b3", 0.3), 1792: ("tf_efficientnet_b4", 0.4)}
HALVINGS = 5  # of a published backbone
WHOLE = (0.0, 0.0, 1.0, 1.0)  # the box of a fake that may be fake all over


@dataclass(frozen=True)
class Config(Training):
    backbone: Literal["resnet34", "tf_efficientnet_b3", "tf_efficientnet_b4", "small"]
    widths: tuple[Width, ...]  # channels of its convolutions, each of which halves; small only
    crop: Literal["aligned", "native"]  # aligned: to the template; native: `size` pixels as they are
    margin: Factor  # side of the square, times the box, of an unaligned face without landmarks
    dropout: Part  # of what the backbone saw
    drop_path: Part  # EfficientNets only
    jitter: Strength  # of alignment in training: 1 as published, 0 none
    augment: Strength  # times the published chances of worse pictures
    swaps: tuple[Share, Share, Share, Share]  # of a fake with its original: real face, fake face, untouched, patch
    poisson: Share  # chance of Poisson blending in place of alpha
    mask_warp: Share  # chance that a face's outline is bent
    self_blend: Share  # share of reals blended with a copy of themselves into fakes
    box_loss: Amount  # weight of the detection loss

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isclose(sum(self.swaps), 1, abs_tol=1e-6):
            raise ParamsError(f"swaps {list(self.swaps)} are shares of one whole, but add up to {sum(self.swaps):g}")
        if (self.backbone == "small") != bool(self.widths):
            raise ParamsError(
                f"widths {list(self.widths)} are the small backbone's, and it has no others (backbone: {self.backbone})"
            )
        halvings, left = len(self.widths) or HALVINGS, SCALES[0][0]
        if math.ceil(self.size / 2**halvings) != left:
            what = "widths" if self.widths else "stages of the backbone"
            raise ParamsError(
                f"{halvings} {what} halve {self.size} px {halvings} times, which must leave {left}; "
                "change size or widths"
            )

    @property
    def makes_fakes(self) -> bool:
        return True


class Detector(Network[Config, Tensor]):
    compares = convolves = True
    unused = ("base_model.fc.*", "base_model._fc.*")
    anchors: Tensor
    template: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.backbone = _backbone(config)
        self.dropout = nn.Dropout(config.dropout)
        self.adm = ArtifactDetection(self.backbone.num_features)
        self.fc = nn.Linear(self.backbone.num_features, 2)
        self.register_buffer("anchors", anchors(), persistent=False)
        self.register_buffer("template", (torch.tensor(TEMPLATE) + 0.5) / 224, persistent=False)

    # ---- frames -> view
    def view(self, clips: Clips, rng: Generator | None) -> Tensor:
        """float [B * U, 3, size, size], BGR, 0..255; in training each frame is placed and worsened by itself."""
        cut = cut_out(_bgr(clips.frames), self._placement(clips, rng), self.config.size)
        return cut if rng is None else worsen(cut, self.config.augment, rng)

    def _placement(self, clips: Clips, rng: Generator | None) -> Tensor:
        """[B * U, 2, 3]: from fractions of the crop to fractions of the frame."""
        c, side, boxes = self.config, clips.frames.shape[-2], clips.boxes.flatten(0, 2)
        if c.crop == "native":
            placed = stretched_over(pixel_square(boxes, c.size, side))
        else:
            marks = clips.landmarks.flatten(0, 2)
            if c.compat == "official":
                eyes = ((marks[:, :2] * side - 0.5).trunc() + 0.5) / side  # in whole pixels
                marks = torch.cat([eyes, marks[:, 2:]], dim=1)
            placed = aligned(marks, self.template, stretched_over(square_around(boxes, c.margin)))
        if rng is None:
            return placed
        if c.crop == "aligned":
            placed = jittered(placed, c.jitter, rng)
        return mirrored(placed, 0.0 if c.compat == "official" else c.flip, rng)

    # ---- view -> logits
    def forward(self, view: Tensor) -> Tensor:
        """BGR 0..255, not normalised, [N, 3, size, size] -> logits [N, 2]."""
        return self.evidence(view)[0]

    def evidence(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [N, 2], box offsets [N, 168, 4] and logits of change [N, 168, 2]."""
        features = self.backbone.forward_features(view)
        last, offsets, changes = self.adm(features)
        return self.fc(self.dropout(features.mean(dim=(2, 3))) + last.flatten(1)), offsets, changes

    def boxes(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes x0 y0 x1 y1, fractions of the crop [N, 168, 4], and each one's probability of change [N, 168]."""
        _, offsets, changes = self.evidence(view)
        found = decoded(offsets.float(), self.anchors)
        if self.config.compat == "official":
            found = transposed(found)
        return found, changes.float().softmax(dim=2)[..., 1]

    # ---- training
    def loss_of(self, batch: Sequence[Tensor]) -> Tensor:
        """Cross-entropy of each frame that is learnt from, and `box_loss` times that of the boxes."""
        view, labels, truths, kept = batch
        logits, offsets, changes = self.evidence(view)
        each = F.cross_entropy(logits.float(), labels, label_smoothing=self.config.label_smoothing, reduction="none")
        guess = (each * kept).sum() / kept.sum().clamp(min=1)
        truths = truths.where(kept[:, None, None], torch.nan)  # an image without a box has no say in theirs
        return guess + self.config.box_loss * multibox_loss(offsets.float(), changes.float(), truths, self.anchors)

    def training_batch(self, clips: Clips, rng: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The view of swapped frames, labels [N] (1 = fake), true boxes [N, 2, 4], and which frames to learn from.

        A fake has the whole image for a box; one with a pasted patch also the window that differs most from
        the original, and is left out if hardly anything does. NaN: no box. Official: rows stand where columns should.
        """
        c, device = self.config, clips.frames.device
        frames, reals, labels, kinds, windows = self._swapped(clips, rng)
        placement = self._placement(clips, rng)
        view, labels = cut_out(frames, placement, c.size), moved(labels, device)
        truths = torch.full((len(view), 2, 4), torch.nan, device=device)
        truths[:, 0] = torch.where(labels[:, None] == 1, constant(WHOLE, device), torch.nan)
        kept = torch.ones_like(labels, dtype=torch.bool)
        if len(at := moved((kinds == facial.PATCH).nonzero()[:, 0], device)):
            change = facial.dssim(view[at], cut_out(reals[at], placement[at], c.size))
            kept[at] = facial.changed_enough(change)
            whole = c.size * constant(WHOLE, device).expand(len(at), 4)
            truths[at, 1] = facial.most_changed(change.mean(dim=1), whole, windows[at]) / c.size
        if c.compat == "official":
            truths = transposed(truths)
        return worsen(view, c.augment, rng), labels, truths, kept

    def _swapped(self, clips: Clips, rng: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Frames, the reals beneath them, labels and kinds of swap (on the CPU), and windows, of N = B * U frames.

        A real that is blended with itself counts as a swap whose fake frame is its look-alike.
        """
        c, units, device = self.config, clips.frames.shape[1], clips.frames.device
        frames, reals = _bgr(clips.frames), _bgr(clips.originals)
        boxes, landmarks = clips.boxes.flatten(0, 2), clips.landmarks.flatten(0, 2)
        labels, paired = (x.repeat_interleave(units, dim=0) for x in (clips.labels, clips.paired))
        own = (torch.rand(len(labels), generator=rng) < c.self_blend) & (labels == 0)
        kinds = facial.sampled_kinds(own, c.swaps, rng)
        kinds = torch.where(own | (paired & (labels == 1)), kinds, facial.UNTOUCHED)
        windows = torch.zeros(len(labels), 2, device=device)
        if len(chosen := (kinds != facial.UNTOUCHED).nonzero()[:, 0]):
            at, mine = moved(chosen, device), moved(own[chosen], device).view(-1, 1, 1, 1)
            tops = torch.where(mine, facial.look_alike(reals[at], rng), frames[at])
            made, windows[at] = facial.swap(
                tops,
                reals[at],
                boxes[at],
                landmarks[at],
                kinds[chosen],
                c.poisson,
                c.mask_warp,
                c.compat == "official",
                rng,
            )
            frames = frames.index_copy(0, at, made)
        return frames, reals, torch.where(own, 1, labels), kinds, windows

    # ---- explaining and starting
    def cam_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """The backbone's last map (7 x 7), which both the mean and the detection module read."""
        last = {"resnet34": "layer4", "small": "layers"}.get(self.config.backbone, "bn2")
        layer = getattr(self.backbone, last)
        return (layer[-1] if last == "layer4" else layer), lambda maps: maps

    def shown(self, clips: Clips) -> Tensor:
        return self.view(clips, None).flip(1)[:, None] / 255

    def published_names(self) -> dict[str, str]:
        stages = [len(stage) for stage in getattr(self.backbone, "blocks", ())]
        return {own: names.published(own, self.config.backbone, stages) for own in self.state_dict()}

    @classmethod
    def published_settings(cls, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """The backbone, by its width, and the dropout that goes with it."""
        width = weights["fc.weight"].shape[-1] if "fc.weight" in weights else 0
        return dict(zip(("backbone", "dropout"), PUBLISHED.get(width, ()), strict=False))

    def warm_start(self) -> None:
        if self.config.init_weights != "none":
            load_backbone(self.backbone, self.config.init_weights)


def _bgr(frames: Tensor) -> Tensor:
    """uint8 [B, U, 1, S, S, 3] RGB -> float [B * U, 3, S, S] BGR, 0..255."""
    return frames.flatten(0, 2).permute(0, 3, 1, 2).flip(1).float()


# ── Backbones ────────────────────────────────────────────────────────────────────────────────────


class Backbone(nn.Module):
    """What is asked of one, as timm names it."""

    num_features: int

    def forward_features(self, x: Tensor) -> Tensor:
        """[N, 3, size, size] -> [N, num_features, 7, 7]."""
        raise NotImplementedError


def _backbone(c: Config) -> Backbone:
    """Without a head."""
    if c.backbone == "small":
        return HighPass(c.widths)
    if c.backbone == "resnet34":
        return backbone("timm.models.resnet").resnet34(num_classes=0, global_pool="", zero_init_last=False)
    build = getattr(backbone("timm.models.efficientnet"), c.backbone)
    return build(num_classes=0, global_pool="", drop_path_rate=c.drop_path, bn_momentum=0.01)


class HighPass(Backbone):
    """Convolutions on how much brighter each pixel is than its neighbourhood: a small network that sees colours
    learns the faces of the training portraits by heart.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.num_features = widths[-1]
        self.standardise = nn.BatchNorm2d(SQUARE // 3, affine=False)
        self.layers = nn.Sequential(*convolutions((SQUARE // 3, *widths), [1] + [2] * (len(widths) - 1)))

    def forward_features(self, x: Tensor) -> Tensor:
        bright = fine_detail(x / 255).unflatten(1, (3, -1)).mean(dim=1)
        return self.layers(self.standardise(bright.contiguous(memory_format=torch.channels_last)))


# ── The artifact detection module ────────────────────────────────────────────────────────────────


class ArtifactDetection(nn.Module):
    """Four blocks that shrink the map from 7 x 7 to 5, 3 and 1, and two heads on each of their outputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([*(Shrink(width, kernel) for kernel in (1, 3, 3)), Last(width)])
        kernels = (3, 3, 3, 1)
        self.offsets = nn.ModuleList(nn.Conv2d(width, 8, k, padding=k // 2) for k in kernels)
        self.changes = nn.ModuleList(nn.Conv2d(width, 4, k, padding=k // 2) for k in kernels)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[N, C, 7, 7] -> the last map [N, C, 1, 1], offsets [N, 168, 4], logits of change [N, 168, 2]."""
        maps = list(itertools.accumulate(self.blocks, lambda map, block: block(map), initial=features))[1:]
        return maps[-1], _by_anchor(self.offsets, maps, 4), _by_anchor(self.changes, maps, 2)


def _by_anchor(heads: nn.ModuleList, maps: list[Tensor], values: int) -> Tensor:
    """[N, 168, values]: by scale, row, column, and the two anchors of a cell."""
    out = [head(map).permute(0, 2, 3, 1).flatten(1) for head, map in zip(heads, maps, strict=True)]
    return torch.cat(out, dim=1).unflatten(1, (-1, values))


class Shrink(nn.Module):
    """A residual block without padding: the map loses kernel - 1 rows and columns."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, kernel), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.downsample = nn.Sequential(nn.Conv2d(width, width, kernel, bias=False), nn.BatchNorm2d(width))

    def forward(self, map: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.bn1(self.conv1(map)).relu()))
        return (inner + self.downsample(map)).relu()


class Last(nn.Module):
    """3 x 3 to 1 x 1, without norms."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3), nn.Conv2d(width, width, 1)
        self.downsample = nn.Conv2d(width, width, 3)

    def forward(self, map: Tensor) -> Tensor:
        return (self.conv2(self.conv1(map).relu()) + self.downsample(map)).relu()
