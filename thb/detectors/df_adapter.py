"""DeepFake-Adapter: a frozen ViT that small trainable parts steer towards traces of forgery.

in    one face crop, RGB, mean and deviation 0.5, float [N, 3, size, size]; the box `margin` times the face's
out   logits [N, 2] (real, fake); a clip's score is the mean softmax[1] of its frames

Three parts are trained. Bottlenecks beside each block's MLP adapt the ViT's tokens x. A small CNN, the
spatial prior, reads the same crop into tokens c of strides 8, 16 and 32. Interactions let x and c attend
to each other three times. The logits are read from c.

At the published size this is ViT-B/16: 102,716,494 parameters, 16,917,838 of them trained. The small one
(`stem: highpass`) looks at high-passed pixels, and its ViT may be trained too (`frozen: false`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor, nn

from thb.core.errors import ParamsError
from thb.core.ranges import Count, Factor, Flag, Side, Whole, Width
from thb.detectors.base import Clips, Network, Training
from thb.detectors.parts.images import SQUARE, convolutions, copied, crop, fine_detail, normalise
from thb.detectors.parts.torch_ready import backbone
from thb.detectors.parts.weights import load_backbone

timm_vit = backbone("timm.models.vision_transformer")

MEAN = STD = (0.5, 0.5, 0.5)
EPS = 1e-6  # of every norm: timm's ViT uses it, and so does what was built on it


@dataclass(frozen=True)
class Config(Training):
    readout: Literal["pooled", "cls", "first"]  # what the head reads; official: always the first token of c
    save: Literal["all", "trainable"]  # trainable: weights files leave out what `init_weights` gives again
    frozen: Flag  # whether the ViT keeps the weights that it starts from
    size: Annotated[Side, Field(ge=32)]
    crop: Literal["scaled", "native"]  # scaled: `margin` x the box; native: `size` pixels as they are
    margin: Factor
    stem: Literal["patch", "highpass"]  # patch: the ViT's own; highpass: convolutions on high-passed pixels
    stem_width: Whole  # channels of the first convolution; highpass only
    patch: Annotated[Count, Field(ge=2, le=256)]  # pixels a token of the ViT
    dim: Width
    depth: Annotated[Count, Field(le=200)]  # blocks of the ViT
    heads: Annotated[Count, Field(le=256)]
    mlp: Factor
    bottleneck: Width  # width of the adapter beside each MLP
    prior_width: Width  # channels of the spatial prior's first convolutions
    interactions: Annotated[Count, Field(le=200)]  # each is followed by its share of the blocks
    cross_heads: Annotated[Count, Field(le=256)]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._divides("size", self.size, "patch", self.patch)
        self._divides("dim", self.dim, "heads", self.heads)
        self._divides("dim", self.dim, "cross_heads", self.cross_heads)
        if self.depth % self.interactions:
            raise ParamsError(
                f"depth {self.depth} cannot be shared among interactions: {self.interactions}; use a multiple"
            )
        if self.readout == "cls" and self.depth < 2:
            raise ParamsError(f"readout: cls needs a block before the last; depth {self.depth} must be at least 2")
        if self.stem == "highpass":
            self._check_halvings(self.stem_width, self.patch)
        pinned = self.init_weights != "none" and (not self.init_weights.startswith("hub:") or "@" in self.init_weights)
        if self.save == "trainable" and not (self.frozen and pinned):
            raise ParamsError(
                "save: trainable needs frozen: true and init_weights that stay what they are: a file, "
                f"or hub:<repository>@<revision> (frozen: {self.frozen}, "
                f"init_weights: {self.init_weights!r})"
            )


class Detector(Network[Config, Tensor]):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        c = config
        self.vit = timm_vit.VisionTransformer(
            img_size=c.size,
            patch_size=c.patch,
            num_classes=0,
            embed_dim=c.dim,
            depth=c.depth,
            num_heads=c.heads,
            mlp_ratio=c.mlp,
            block_fn=AdaptedBlock,
        )
        self.sight = nn.Identity()
        if c.stem == "highpass":
            self.sight, self.vit.patch_embed = HighPass(), ConvolutionalPatches(c.stem_width, c.patch, c.dim)
        self.vit.requires_grad_(not c.frozen)
        for block in self.vit.blocks:
            block.adaptor = Bottleneck(c.dim, c.bottleneck)
        self.spm = SpatialPrior(c.prior_width, c.dim, squares=c.stem == "highpass")
        self.level_embed = nn.Parameter(torch.randn(3, c.dim))
        self.interactions = nn.ModuleList(Interaction(c.dim, c.cross_heads) for _ in range(c.interactions))
        self.spm.apply(_begin)
        self.interactions.apply(_begin)
        self.head = nn.Sequential(HeadNorm(c.dim, affine=False, eps=EPS), last := nn.Linear(c.dim, 2))
        nn.init.trunc_normal_(last.weight, std=0.01)
        self.readout = "first" if c.compat == "official" else c.readout
        if self.readout == "cls":
            self.interactions[-1].extractor.requires_grad_(False)  # nothing reads what it writes

    def train(self, mode: bool = True) -> Self:
        """A frozen ViT stays as in a test."""
        super().train(mode)
        if self.config.frozen:
            self.vit.eval()
        return self

    # ---- frames -> view
    def view(self, clips: Clips, rng: Generator | None) -> Tensor:
        """float [B * U, 3, size, size], about -1..1: each frame by its own box; a clip's are mirrored alike."""
        c, mirror = self.config, self.mirrored(clips, rng)
        frames, boxes = clips.frames.flatten(1, 2), clips.boxes.flatten(1, 2)
        if c.crop == "native":
            cut = copied(frames, boxes, c.size, mirror)
        else:
            cut = crop(frames, boxes, c.size, c.margin, mirror)
        return normalise(cut, MEAN, STD).flatten(0, 1)

    def shown(self, clips: Clips) -> Tensor:
        return self.view(clips, None)[:, None] / 2 + 0.5

    # ---- view -> logits
    def forward(self, view: Tensor) -> Tensor:
        """Crops [N, 3, size, size], RGB, (value in 0..1 - 0.5) / 0.5 -> logits [N, 2], real then fake."""
        seen = self.sight(view)
        x, c = self._patches(seen), self.spm(seen, self.level_embed)
        share = len(self.vit.blocks) // len(self.interactions)
        for i, interaction in enumerate(self.interactions):
            x, c = interaction(x, c, self.vit.blocks[i * share : (i + 1) * share])
        return self.head(self._read(x, c))

    def _patches(self, seen: Tensor) -> Tensor:
        """[N, 3, s, s] -> [N, 1 + patches, dim], the class token first."""
        patches = self.vit.patch_embed(seen)
        return torch.cat([self.vit.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.vit.pos_embed

    def _read(self, x: Tensor, c: Tensor) -> Tensor:
        """What the head sees, [N, dim]: the published code takes the token of the top left 8 x 8 pixels."""
        if self.readout == "pooled":
            return self.vit.norm(c).mean(dim=1)
        return self.vit.norm(x[:, 0] if self.readout == "cls" else c[:, 0])

    # ---- explaining, starting and keeping
    def cam_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """The last block that hands its patches on: to the last extractor, or to a block that reads them out."""
        grid = self.config.size // self.config.patch
        last = self.vit.blocks[-2 if self.readout == "cls" else -1]
        return last, lambda tokens: tokens[:, 1:].transpose(1, 2).unflatten(2, (grid, grid))

    def published_names(self) -> dict[str, str]:
        """There the ViT is not a part of the network but the network itself."""
        return {own: own.removeprefix("vit.") for own in self.state_dict()}

    def warm_start(self) -> None:
        if self.config.init_weights != "none":
            adapters = tuple(f"blocks.{i}.adaptor." for i in range(self.config.depth))
            load_backbone(self.vit, self.config.init_weights, own=adapters)

    def kept(self) -> dict[str, Tensor]:
        if self.config.save == "all":
            return super().kept()
        given = {name for name in self.state_dict() if name.startswith("vit.") and ".adaptor." not in name}
        return {name: tensor for name, tensor in self.state_dict().items() if name not in given}

    def take_weights(self, weights: dict[str, Tensor], path: Path) -> None:
        if self.config.save == "trainable":
            self.warm_start()
        super().take_weights(weights, path)


def _begin(module: nn.Module) -> None:
    """Draw a layer's first weights as the authors do: convolutions by fan-out, an attention's output by Xavier."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.out_channels * math.prod(module.kernel_size)
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, nn.MultiheadAttention):
        nn.init.xavier_uniform_(module.out_proj.weight)
        nn.init.zeros_(module.out_proj.bias)


# ── Adapters inside the ViT ──────────────────────────────────────────────────────────────────────


class AdaptedBlock(timm_vit.Block):
    """A pre-norm block with a bottleneck beside its MLP; the bottleneck sees the tokens before their norm."""

    adaptor: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x)) + self.adaptor(x)


class Bottleneck(nn.Module):
    """Down, ReLU, up, times a learned number; the up-projection begins at zero, so nothing is disturbed."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.down_proj, self.up_proj = nn.Linear(dim, width), nn.Linear(width, dim)
        for zero in (self.down_proj.bias, self.up_proj.weight, self.up_proj.bias):
            nn.init.zeros_(zero)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.up_proj(F.relu(self.down_proj(x)))


# ── The spatial prior, and its exchange with the ViT ──────────────────────────────────────────────


class SpatialPrior(nn.Module):
    """A CNN whose maps of strides 8, 16 and 32 become tokens; SyncBatchNorm there, of the same state.

    squares: whether it reads what `HighPass` sees, which is halved already and so not pooled.
    """

    def __init__(self, width: int, dim: int, squares: bool = False) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width, 4 * width)
        self.stem = nn.Sequential(
            *convolutions((SQUARE if squares else 3, width, width, width), (2, 1, 1)),
            nn.Identity() if squares else nn.MaxPool2d(3, 2, 1),
        )
        self.conv2, self.conv3, self.conv4 = (
            nn.Sequential(*convolutions(pair, (2,))) for pair in itertools.pairwise(widths)
        )
        self.fc2, self.fc3, self.fc4 = (nn.Conv2d(outputs, dim, 1) for outputs in widths[1:])

    def forward(self, images: Tensor, level_embed: Tensor) -> Tensor:
        """[N, 3, s, s] -> [N, tokens, dim]: row by row, the finest level first; each level has its own vector."""
        fine = self.conv2(self.stem(images))
        middle = self.conv3(fine)
        levels = self.fc2(fine), self.fc3(middle), self.fc4(self.conv4(middle))
        return torch.cat(
            [level.flatten(2).transpose(1, 2) + own for level, own in zip(levels, level_embed, strict=True)], dim=1
        )


class Interaction(nn.Module):
    """Before its blocks the ViT takes from c, after them c takes from the ViT."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.injector, self.extractor = Injector(dim, heads), Extractor(dim, heads)

    def forward(self, x: Tensor, c: Tensor, blocks: nn.Module) -> tuple[Tensor, Tensor]:
        x = blocks(self.injector(x, c))
        return x, self.extractor(c, x)


class Extractor(nn.Module):
    """Tokens plus what they attend to among `features`; both are normalised first."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.query_norm, self.feat_norm = nn.LayerNorm(dim, eps=EPS), nn.LayerNorm(dim, eps=EPS)
        self.self_attn = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, tokens: Tensor, features: Tensor) -> Tensor:
        return tokens + self._attend(tokens, features)

    def _attend(self, tokens: Tensor, features: Tensor) -> Tensor:
        features = self.feat_norm(features)
        return self.self_attn(self.query_norm(tokens), features, features, need_weights=False)[0]


class Injector(Extractor):
    """The same, times a learned gain per channel that begins at zero."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(dim, heads)
        self.gamma = nn.Parameter(torch.zeros(dim))

    def forward(self, tokens: Tensor, features: Tensor) -> Tensor:
        return tokens + self.gamma * self._attend(tokens, features)


class HeadNorm(nn.BatchNorm1d):
    """Batch norm that takes a batch of one in training, by the running statistics; the published code skips those."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) == 1:
            return F.batch_norm(input, self.running_mean, self.running_var, eps=self.eps)
        return super().forward(input)


# ── What the small one sees first ────────────────────────────────────────────────────────────────


class HighPass(nn.Module):
    """[N, 3, s, s] -> [N, 12, s/2, s/2]: pixels against their neighbourhood; faint traces stand out, faces do not."""

    def __init__(self) -> None:
        super().__init__()
        self.standardise = nn.BatchNorm2d(SQUARE, affine=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.standardise(fine_detail(images))


class ConvolutionalPatches(nn.Module):
    """What `HighPass` sees -> [N, patches, dim]: all of it first, then halved until a pixel is a patch."""

    def __init__(self, width: int, patch: int, dim: int) -> None:
        super().__init__()
        halvings = int(math.log2(patch)) - 1  # one is done where squares become channels
        widths = [SQUARE, *(width * 2**i for i in range(halvings)), dim]
        self.layers = nn.Sequential(*convolutions(widths, [1] + [2] * halvings))
        self.norm = nn.LayerNorm(dim)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.layers(images).flatten(2).transpose(1, 2))
