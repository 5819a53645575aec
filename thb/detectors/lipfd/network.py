"""LipFD: do the lips go with the voice? Five frames, the sound under them, and three looks at each face.

in    a view of a window of 5 frames, in two parts: the whole (sound and frames) and the crops of each frame
out   logit [N, 1] of fake against real; a clip's score is the mean sigmoid of its windows

At the published size (`encoder: clip`) the whole is one picture, the sound's spectrogram in viridis colours
above the five frames, for CLIP's ViT-L/14; the crops are for a ResNet-50: 327,480,102 parameters in all. The
small one (`encoder: small`) has the same head and the same three regions, but compares lips and voice frame
by frame, and looks for fine detail.

Of the published code's habits `compat: official` repeats those that reach a network: BGR from 0 to 255 without
CLIP's mean and deviation, one frame taken for five, columns of sound cut at whole numbers, a softmax over the
batch for a loss. Which windows are seen is the store's choice, so their starts modulo 256, and sound that slips
where windows overlap, cannot be repeated here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors.torch import load_file
from torch import Generator, Tensor, nn

from thb.core.errors import ParamsError
from thb.core.ranges import Amount, Count, Flag, Side, Whole, Width
from thb.detectors.base import Clips, Network, Store, Training, moved
from thb.detectors.lipfd import names
from thb.detectors.lipfd import picture as pictures
from thb.detectors.lipfd.small import DetailRegions, LipsAndVoice, others
from thb.detectors.parts.images import native_fits, normalise
from thb.detectors.parts.torch_ready import backbone
from thb.detectors.parts.weights import load_backbone, weights_file

VisionTransformer = backbone("timm.models.vision_transformer").VisionTransformer
timm_resnet = backbone("timm.models.resnet")

WHOLE, PATCH = 1120, 14  # pixels: the side of the picture as shown, and of a token in a fifth of it
STAGES = 4  # of a ResNet
PROJECTED = 768  # width of CLIP's shared space
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Config(Training):
    encoder: Literal["clip", "small"]
    frozen_encoder: Flag  # clip only: train what stands before and beside it
    size: Annotated[Side, Field(ge=32)]
    dim: Width  # channels of the encoder's tokens; small: of the regions' features
    depth: Annotated[Count, Field(le=200)]  # blocks of the encoder; clip only
    heads: Annotated[Count, Field(le=256)]  # of attention in a block; clip only
    layers: tuple[Annotated[Count, Field(le=100)], ...]  # the ResNet's blocks, by stage; clip only
    width: Whole  # channels of the first convolution; small only
    lips: Whole  # pixels about the mouth, as they are; small only
    measures: Whole  # what lips and voice are compared by; small only
    ra_weight: Amount  # of the region-awareness loss
    sync_weight: Amount  # of telling a real window's sound from another's; small only

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoder == "small":
            return self._check_small()
        if self.sync_weight:
            raise ParamsError(f"sync_weight {self.sync_weight} needs encoder: small; set it to 0")
        self._divides("dim", self.dim, "heads", self.heads)
        if len(self.layers) != STAGES:
            raise ParamsError(f"layers {list(self.layers)}: a ResNet has {STAGES} stages")

    def _check_small(self) -> None:
        for key in ("width", "lips", "measures"):
            if not getattr(self, key):
                raise ParamsError(f"encoder: small needs {key} above 0")
        self._divides("size", self.size, "the squares laid into channels", 2)
        self._divides("lips", self.lips, "its three halvings", 8)
        if self.init_weights != "none":
            raise ParamsError(f"init_weights {self.init_weights!r} needs encoder: clip; set it to none")

    @property
    def makes_fakes(self) -> bool:
        return self.sync_weight > 0

    def check_store(self, store: Store, length: int, explained: int = 0) -> None:
        super().check_store(store, length, explained)
        if self.encoder == "small":
            self._divides("store.sound.mels", store.sound.mels, "lipfd's bands", pictures.BANDS)
            native_fits(max(self.size, self.lips), store.size)


class Detector(Network[Config, tuple[Tensor, ...]]):
    sees = "whole"
    hears = convolves = True
    length = pictures.FRAMES
    unused = (
        "encoder.transformer.*",
        "encoder.token_embedding.*",
        "encoder.positional_embedding",
        "encoder.text_projection",
        "encoder.logit_scale",
        "encoder.ln_final.*",
    )  # CLIP's half that reads

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        c, small = config, config.encoder == "small"
        self.encoder = LipsAndVoice(c.lips, c.measures) if small else PictureEncoder(c.dim, c.depth, c.heads)
        self.backbone = DetailRegions(c.width, c.dim) if small else ResNetRegions(c.layers)
        features = self.encoder.features + self.backbone.features
        self.weigh = nn.Linear(features, 1)
        self.fc = nn.Linear(features, 1)
        if isinstance(self.encoder, PictureEncoder) and c.frozen_encoder:
            self.encoder.freeze()

    def train(self, mode: bool = True) -> Self:
        """What is frozen stays as in a test."""
        super().train(mode)
        if isinstance(self.encoder, PictureEncoder) and self.config.frozen_encoder:
            self.encoder.visual.eval()
        return self

    # ---- clips -> view
    def view(self, clips: Clips, rng: Generator | None) -> tuple[Tensor, ...]:
        """The whole's parts, then the crops, all float [B * U, …]; a clip's frames are mirrored alike."""
        mirror = self.mirrored(clips, rng)
        return self._close_ups(clips, mirror) if self.config.encoder == "small" else self._pictures(clips, mirror)

    def _pictures(self, clips: Clips, mirror: Tensor | None) -> tuple[Tensor, Tensor]:
        """[N, 3, 1120, 1120] and [N, 5, 3, 3, size, size] (frame, region, colour)."""
        official = self.config.compat == "official"
        sound = pictures.spectrogram(clips.mel, clips.mel_hop, clips.times, whole_columns=official)
        picture = pictures.composite(clips.frames, sound, mirror)
        frames = pictures.slid(picture) if official else pictures.side_by_side(picture)
        crops = pictures.resized(frames.flatten(0, 1), self.config.size)
        looks = torch.stack([pictures.resized(look, self.config.size) for look in pictures.regions(crops)], dim=1)
        whole, crops = pictures.resized(picture, WHOLE), looks.unflatten(0, (-1, pictures.FRAMES))
        if official:
            return whole.flip(-3), crops.flip(-3)
        return normalise(whole / 255, CLIP_MEAN, CLIP_STD), normalise(crops / 255, CLIP_MEAN, CLIP_STD)

    def _close_ups(self, clips: Clips, mirror: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Sound [N, 5, bands], lips [N, 5, 3, lips/2, lips/2], faces [N, 5, 3, size, size]; pixels as they are."""
        mouths = pictures.mouths(clips.boxes, clips.landmarks)
        lips = pictures.native(clips.frames, torch.cat([mouths, mouths], dim=-1), self.config.lips, mirror)
        halved = F.avg_pool2d(lips.flatten(0, 1), 2).unflatten(0, lips.shape[:2])
        sound = pictures.heard(clips.mel, clips.mel_hop, clips.times).flatten(0, 1)
        return sound, halved, pictures.native(clips.frames, clips.boxes, self.config.size, mirror)

    # ---- view -> logits
    def forward(self, view: tuple[Tensor, ...]) -> Tensor:
        """A view -> logits [N, 1].

        With `encoder: clip` the view is the published module's two inputs: the whole picture [N, 3, 1120, 1120]
        and the crops [N, 5, 3, 3, 224, 224], axes frame, region (full, 0.75, 0.455), colour, height, width; as
        `compat: official` has them both are BGR from 0 to 255. In a test all crops go through the ResNet as one batch.
        """
        return self.attend(view)[0]

    def attend(self, view: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Logits [N, 1], and how much each region counts in each frame: [N, 5, 3], of sum 1."""
        *whole, crops = view
        looks = self.backbone(crops)
        everywhere = self.encoder(*whole)[:, None, None].expand(*looks.shape[:3], -1)
        features = torch.cat([looks, everywhere], dim=-1)
        weights = self.weigh(features).sigmoid().softmax(dim=2)
        return self.fc((features * weights).sum(dim=2).mean(dim=1)), weights[..., 0]

    # ---- learning
    def training_batch(self, clips: Clips, rng: Generator) -> tuple[Tensor, ...]:
        """The view, labels [N]; small: which windows are real [M], and which of these M each is to be told from."""
        view, labels = self.view(clips, rng), clips.labels.repeat_interleave(clips.frames.shape[1])
        real = (labels == 0).nonzero()[:, 0]
        told = (labels, real, others(len(real), rng)) if self.config.encoder == "small" else (labels,)
        return *view, *(moved(each, clips.frames.device) for each in told)

    def loss_of(self, batch: Sequence[Tensor]) -> Tensor:
        if isinstance(self.encoder, PictureEncoder):
            *view, labels = batch
            return self._told(tuple(view), labels)
        *view, labels, real, other = batch
        loss = self._told(tuple(view), labels)
        if self.config.sync_weight:
            sound, lips, _ = view
            loss = loss + self.config.sync_weight * self.encoder.loss(sound[real], lips[real], other)
        return loss

    def _told(self, view: tuple[Tensor, ...], labels: Tensor) -> Tensor:
        logits, weights = self.attend(view)
        return self._error(logits[:, 0].float(), labels) + self.config.ra_weight * region_awareness(weights.float())

    def _error(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Of logits [N]: each window's own, or (official) that of a softmax over the windows of the batch."""
        targets = labels + (0.5 - labels) * self.config.label_smoothing
        if self.config.compat == "official":
            return F.cross_entropy(logits, targets)
        return F.binary_cross_entropy_with_logits(logits, targets)

    # ---- explaining and starting
    def cam_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """The crops' last maps, [N * 5 * 3, C, 7, 7] by frame and region; small: the faces', [N * 5, C, h, w]."""
        return self.backbone.last(), lambda maps: maps

    def shown(self, clips: Clips) -> Tensor:
        if self.config.encoder == "clip":
            return super().shown(clips)
        return pictures.native(clips.frames, clips.boxes, self.config.size)

    def sound_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """The picture's upper half, [N, C, 8, 16]; small: the voice's last features, a row over time [N, 32, 1, 5]."""
        if isinstance(self.encoder, LipsAndVoice):
            return self.encoder.voice[2], lambda said: said.unflatten(0, (-1, pictures.FRAMES)).transpose(1, 2)[
                :, :, None
            ]
        layer, halves = self.encoder.last()
        return layer, lambda tokens: halves(tokens)["sound"]

    def sound_shown(self, clips: Clips) -> Tensor:
        return pictures.spectrogram(clips.mel, clips.mel_hop, clips.times, self.config.compat == "official") / 255

    def published_names(self) -> dict[str, str]:
        """The small one's are our own."""
        small = self.config.encoder == "small"
        return {own: own if small else names.published(own) for own in self.state_dict()}

    def warm_start(self) -> None:
        """CLIP's picture tower; in timm's file its projection is the head, transposed."""
        if isinstance(self.encoder, PictureEncoder) and (origin := self.config.init_weights) != "none":
            load_backbone(self.encoder.visual, origin)
            self.encoder.proj.data.copy_(load_file(weights_file(origin))["head.weight"].T)


def region_awareness(weights: Tensor) -> Tensor:
    """Weights [N, 5, 3] -> scalar: small where the heaviest region far outweighs the whole crop, summed over frames."""
    return (10 / (weights.amax(dim=2) - weights[..., 0]).exp()).mean(dim=0).sum()


# ── The published size ───────────────────────────────────────────────────────────────────────────


class PictureEncoder(nn.Module):
    """[N, 3, 1120, 1120] -> [N, 768]: shrunk to a fifth by a learned convolution, then CLIP's picture tower."""

    features = PROJECTED

    def __init__(self, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 5, 5)
        self.visual = VisionTransformer(
            img_size=WHOLE // 5,
            patch_size=PATCH,
            num_classes=0,
            embed_dim=dim,
            depth=depth,
            num_heads=heads,
            pre_norm=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-5),
            act_layer="quick_gelu",
        )
        self.proj = nn.Parameter(torch.randn(dim, PROJECTED) * dim**-0.5)

    def forward(self, whole: Tensor) -> Tensor:
        return self.visual(self.conv1(whole)) @ self.proj

    def freeze(self) -> None:
        """Only the convolution before CLIP's tower learns."""
        self.visual.requires_grad_(False)
        self.proj.requires_grad_(False)

    def last(self) -> tuple[nn.Module, Callable[[Tensor], dict[str, Tensor]]]:
        """CLIP's last block: [N, C, 8, 16] each of the `sound` and of the `frames` under it."""
        return self.visual.blocks[-1].norm1, pictures.halves


class ResNetRegions(nn.Module):
    """[N, 5, 3, 3, s, s] -> [N, 5, 3, 2048]: the mean of the last maps of each crop.

    In training each of a window's 15 crops is a batch of its own, normalised by itself, as the authors train.
    """

    features = 2048

    def __init__(self, layers: Sequence[int]) -> None:
        super().__init__()
        self.resnet = timm_resnet.ResNet(timm_resnet.Bottleneck, layers, num_classes=0, zero_init_last=False)

    def forward(self, crops: Tensor) -> Tensor:
        if self.training:
            looks = [self.resnet.forward_features(one).mean(dim=(2, 3)) for one in crops.flatten(1, 2).unbind(dim=1)]
            return torch.stack(looks, dim=1).unflatten(1, crops.shape[1:3])
        maps = self.resnet.forward_features(crops.flatten(0, 2))
        return maps.mean(dim=(2, 3)).unflatten(0, crops.shape[:3])

    def last(self) -> nn.Module:
        return self.resnet.layer4[-1]
