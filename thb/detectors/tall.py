"""TALL-Swin: four consecutive frames laid out as one thumbnail, so that an image Swin sees motion.

in    4 face crops, RGB, ImageNet-normalised, float [N, 4, 3, size, size]; each 1.3 times its own frame's box
out   logits [N, 2] (real, fake); a clip's score is softmax[1] of its windows' mean logits

At the published size this is Swin-B on 2 x 2 frames of 112 px: 86,920,506 parameters. The small one
(`stem: highpass`) differs in what stands before the Swin; params.yaml says which sizes are run.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor, nn

from thb.core.errors import ParamsError
from thb.core.ranges import Count, Factor, Part, Share, Side, Whole, Width
from thb.detectors.base import Clips, Network, Training, moved
from thb.detectors.parts.images import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    SQUARE,
    convolutions,
    copied,
    detail_and_motion,
    normalise,
    resampled,
    square_around,
)
from thb.detectors.parts.torch_ready import backbone
from thb.detectors.parts.weights import load_backbone

SwinTransformer = backbone("timm.models.swin_transformer").SwinTransformer

FRAMES, ROWS = 4, 2  # the layout: row by row, two frames a row


@dataclass(frozen=True)
class Config(Training):
    thumbnail: Side  # pixels of the thumbnail's side
    crop: Literal["scaled", "native"]  # scaled: `margin` x the box; native: `size` pixels as they are
    margin: Factor
    scales: tuple[Annotated[Share, Field(gt=0)], ...]  # sides of training crops, shares of the box
    cutout: Whole  # pixels of the square blanked in training
    stem: Literal["patch", "highpass"]  # patch: Swin's own; highpass: convolutions on each frame
    stem_width: Whole  # channels of the first convolution; highpass only
    patch: Annotated[Count, Field(ge=2, le=256)]  # pixels a token
    dim: Width
    depths: tuple[Annotated[Count, Field(le=100)], ...]
    heads: tuple[Annotated[Count, Field(le=256)], ...]
    window: Annotated[Count, Field(le=256)]  # tokens of an attention window's side, where the grid is larger
    mlp: Factor
    drop_path: Part

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scales:
            raise ParamsError("scales is empty; [1] leaves the box as it is")
        if self.crop == "native" and self.scales != (1,):
            raise ParamsError(f"crop: native takes pixels as they are: scales {list(self.scales)} must be [1]")
        if not 0 < len(self.depths) == len(self.heads):
            raise ParamsError(f"depths {list(self.depths)} and heads {list(self.heads)} must be lists of one length")
        for stage, heads in enumerate(self.heads):
            self._divides(f"{2**stage} x dim", 2**stage * self.dim, f"heads[{stage}]", heads)
        self._divides("thumbnail", self.thumbnail, f"{ROWS} x patch", ROWS * self.patch)
        if self.cutout > self.size:
            raise ParamsError(f"cutout {self.cutout} is more than size: {self.size}; make it less")
        if self.stem == "highpass":
            if self.thumbnail != ROWS * self.size:
                raise ParamsError(
                    f"stem: highpass reads frames as they are: thumbnail {self.thumbnail} must be {ROWS} x "
                    f"size, {ROWS * self.size}"
                )
            self._check_halvings(self.stem_width, self.patch)


class Detector(Network[Config, Tensor]):
    length = FRAMES
    undecayed = ("frame_pos_embed",)
    unused = ("*.relative_position_index", "*.attn_mask")  # Microsoft's Swin keeps these constants in its state

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        c = config
        self.swin = SwinTransformer(
            img_size=c.thumbnail,
            patch_size=c.patch,
            num_classes=2,
            embed_dim=c.dim,
            depths=c.depths,
            num_heads=c.heads,
            window_size=c.window,
            mlp_ratio=c.mlp,
            drop_path_rate=c.drop_path,
        )
        for block in itertools.chain.from_iterable(stage.blocks for stage in self.swin.layers):
            block.attn.fused_attn = True  # torch's own attention, which writes no table of all pairs of tokens
        self.frame_pos_embed = nn.Parameter(torch.zeros(1, FRAMES, c.dim))
        nn.init.trunc_normal_(self.frame_pos_embed, std=0.02)
        if c.stem == "highpass":
            self.swin.patch_embed = HighPassStem(c.stem_width, c.patch, c.dim)

    # ---- frames -> view
    def view(self, clips: Clips, rng: Generator | None) -> Tensor:
        """float [B * U, 4, 3, size, size]: each frame by its own box; a clip's are mirrored and cut out alike."""
        c = self.config
        frames = normalise(self._crops(clips, rng), IMAGENET_MEAN, IMAGENET_STD)
        if rng is not None or c.compat == "official":
            frames = cut_out(frames, c.cutout, _centres(clips, c.size, rng))
        return frames.unflatten(1, (-1, FRAMES)).flatten(0, 1)

    def _crops(self, clips: Clips, rng: Generator | None) -> Tensor:
        """float [B, U * 4, 3, size, size] RGB in 0..1."""
        c, frames, boxes = self.config, clips.frames.flatten(1, 2), clips.boxes.flatten(1, 2)
        if c.crop == "native":
            return copied(frames, boxes, c.size, self.mirrored(clips, rng))
        squares = square_around(boxes, c.margin)
        if rng is not None:
            squares = multi_scale_crop(squares, c.scales, rng)
        return resampled(frames, squares, c.size, c.margin / 2, self.mirrored(clips, rng))

    # ---- view -> logits
    def forward(self, view: Tensor) -> Tensor:
        pixels = view if self.config.stem == "highpass" else thumbnail(view, self.config.thumbnail)
        tokens = self.swin.patch_embed(pixels) + self._positions()  # [N, grid, grid, dim], 2 x 2 grids of a frame each
        return self.swin.forward_head(self.swin.norm(self.swin.layers(tokens)))

    def _positions(self) -> Tensor:
        """[1, grid, grid, dim]: each frame's learned vector at all of its tokens."""
        each = self.config.thumbnail // self.config.patch // ROWS
        grid = self.frame_pos_embed.unflatten(1, (ROWS, ROWS))
        return grid.repeat_interleave(each, dim=1).repeat_interleave(each, dim=2)

    def score(self, clips: Clips) -> Tensor:
        if self.config.compat == "official":
            return self.unit_logits(clips).mean(dim=1).double()[:, 1].sigmoid()
        return super().score(clips)

    # ---- explaining and starting
    def cam_layer(self) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
        """The last block whose grid still divides between the frames (14 x 14 at the published size)."""
        grid = self.config.thumbnail // self.config.patch
        stages = [stage for i, stage in enumerate(self.swin.layers) if grid % (ROWS * 2**i) == 0]
        return stages[-1].blocks[-1], lambda tokens: tokens.permute(0, 3, 1, 2)

    def shown(self, clips: Clips) -> Tensor:
        return self._crops(clips, None).unflatten(1, (-1, FRAMES)).flatten(0, 1)

    def frames_of_map(self, maps: Tensor, units: int) -> Tensor:
        """[units, 2h, 2w] -> [units, 4, h, w]: a thumbnail's map is its frames' maps, tiled."""
        return maps.unflatten(2, (ROWS, -1)).unflatten(1, (ROWS, -1)).transpose(2, 3).flatten(1, 2)

    def published_names(self) -> dict[str, str]:
        """Microsoft's Swin, which halves the grid at a stage's end where timm does at the next one's start."""
        return {own: _published(own.removeprefix("swin.")) for own in self.state_dict()}

    def warm_start(self) -> None:
        if self.config.init_weights != "none":
            load_backbone(self.swin, self.config.init_weights, own=("head.",), fit=stretched)


def _published(name: str) -> str:
    name = re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name)
    return name.replace("head.fc.", "head.")


class HighPassStem(nn.Module):
    """Convolutions on each frame, with every pixel of it, before it is shrunk: faint traces survive the patches.

    [N, 4, 3, s, s] -> [N, 2s/patch, 2s/patch, dim]. It sees each pixel's difference from its neighbourhood
    and from the same pixel's mean over the four frames, but no colour: a small network that sees colours
    learns the faces of the training portraits by heart.
    """

    def __init__(self, width: int, patch: int, dim: int) -> None:
        super().__init__()
        halvings = int(math.log2(patch)) - 1  # one is done where squares become channels
        widths = [2 * SQUARE, *(min(dim, width * 2**i) for i in range(halvings)), dim]
        self.standardise = nn.BatchNorm2d(2 * SQUARE, affine=False)
        self.layers = nn.Sequential(*convolutions(widths, [1] + [2] * halvings))
        self.norm = nn.LayerNorm(dim)

    def forward(self, frames: Tensor) -> Tensor:
        maps = self.layers(self.standardise(detail_and_motion(frames))).unflatten(0, (-1, FRAMES))
        return self.norm(tile(maps).permute(0, 2, 3, 1))


# ── Layout ───────────────────────────────────────────────────────────────────────────────────────


def tile(maps: Tensor) -> Tensor:
    """[N, 4, C, h, w] -> [N, C, 2h, 2w], row by row."""
    grid = maps.unflatten(1, (ROWS, ROWS)).permute(0, 3, 1, 4, 2, 5)
    return grid.flatten(4, 5).flatten(2, 3)


def thumbnail(frames: Tensor, side: int) -> Tensor:
    """[N, 4, 3, s, s] -> [N, 3, side, side]: frames enlarged to `side`, tiled, and halved.

    Halving bilinearly takes the mean of 2 x 2 pixels, which lie in one frame: so each frame is halved
    by itself, and a quarter of the memory does.
    """
    large = F.interpolate(frames.flatten(0, 1), size=(side, side), mode="bilinear", align_corners=False)
    return tile(F.avg_pool2d(large, 2).unflatten(0, (-1, FRAMES)))


# ── Augmentation ─────────────────────────────────────────────────────────────────────────────────

# Places of a training crop, in quarters of the room it has: corners, centre, edge centres, half-way points.
_PLACES = torch.tensor(
    [(0, 0), (4, 0), (0, 4), (4, 4), (2, 2), (0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3)]
)


def multi_scale_crop(boxes: Tensor, scales: tuple[float, ...], rng: Generator) -> Tensor:
    """Boxes [B, N, 4] -> boxes inside them: alike in a clip, sides at neighbouring scales, at one of 13 places."""
    pairs = [(w, h) for (i, w), (j, h) in itertools.product(enumerate(scales), repeat=2) if abs(i - j) <= 1]
    shares = torch.tensor(pairs)[torch.randint(len(pairs), (len(boxes),), generator=rng)]
    places = _PLACES[torch.randint(len(_PLACES), (len(boxes),), generator=rng)] / 4
    sides = boxes[..., 2:] - boxes[..., :2]
    corner = boxes[..., :2] + moved((1 - shares) * places, boxes.device)[:, None] * sides
    return torch.cat([corner, corner + moved(shares, boxes.device)[:, None] * sides], dim=-1)


def cut_out(frames: Tensor, side: int, centres: Tensor) -> Tensor:
    """Zero a square about each clip's centre [2, B, 1], row and column, in all frames [B, N, 3, s, s]."""
    at = torch.arange(frames.shape[-1], device=frames.device)
    rows, columns = ((at >= c - side // 2) & (at < c - side // 2 + side) for c in centres)
    return frames.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None, None], 0.0)


def _centres(clips: Clips, size: int, rng: Generator | None) -> Tensor:
    """int64 [2, B, 1], on the clips' device: by `rng`, or in a test by each clip's own pixels."""
    if rng is not None:
        drawn = torch.randint(size, (2, len(clips.frames), 1), generator=rng)
    else:
        seeds = clips.frames.flatten(1).sum(dim=1, dtype=torch.int64).tolist()
        own = [Generator().manual_seed(seed) for seed in seeds]
        drawn = torch.cat([torch.randint(size, (2, 1, 1), generator=each) for each in own], dim=1)
    return moved(drawn, clips.frames.device)


def stretched(table: Tensor, like: Tensor) -> Tensor:
    """A relative-position bias table [(2w-1)^2, heads] resized bilinearly to another window's."""
    old, new = math.isqrt(len(table)), math.isqrt(len(like))
    if table.ndim != 2 or old**2 != len(table) or table.shape[1:] != like.shape[1:]:
        return table
    grid = table.T.reshape(1, -1, old, old)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return grid.flatten(2)[0].T.contiguous()
