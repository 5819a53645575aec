"""LipFD's picture of a window: the sound's spectrogram in colours, five frames below it; and how both are cut up."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from thb.detectors.parts.images import constant, copied

FRAMES, TILE = 5, 500  # frames of a window, and the pixels of one's side
QUIETEST = 80.0  # decibels under the clip's loudest: nothing is fainter
MARGINS = (0, 28 / 224, 61 / 224)  # head, face, lips: what each of the three regions leaves off a crop's edges
BANDS = 8  # groups of mel bands
AROUND = 2  # columns of sound on either side of a frame's own that are averaged with it


def composite(frames: Tensor, sound: Tensor, mirror: Tensor | None) -> Tensor:
    """[N, 3, 1000, 2500], RGB, whole levels 0..255: sound, and below it the five frames, whole, squashed to squares.

    frames uint8 [B, U, 5, S, S, 3], sound [N, 3, 500, 2500], mirror bool [B]; N = B * U.
    """
    frames = frames.permute(0, 1, 2, 5, 3, 4).float()
    if mirror is not None:
        frames = torch.where(mirror[:, None, None, None, None, None], frames.flip(-1), frames)
    tiles = resized(frames.flatten(0, 2), TILE).unflatten(0, (-1, FRAMES))
    return torch.cat([sound, tiles.permute(0, 2, 3, 1, 4).flatten(3)], dim=2).round()


def spectrogram(mel: Tensor, hop: float, times: Tensor, whole_columns: bool) -> Tensor:
    """[N, 3, 500, 2500], RGB 0..255: each window's part of a clip's mel in viridis, low frequencies at the top.

    mel [B, F, M] log10 power, a column every `hop` seconds, NaN where nothing is heard; times [B, U, 5] of the frames.
    """
    at = window_columns(mel, hop, times, whole_columns)
    before = at.floor()
    clip = torch.arange(len(mel), device=mel.device)[:, None, None]
    left, right = (
        viridis(mel.device)[shades(mel)[clip, column.long()]]
        for column in (before, (before + 1).clamp(max=mel.shape[1] - 1))
    )
    strips = torch.lerp(
        left, right, (at - before)[..., None, None]
    )  # of columns and no grid: a batch's padding has no say
    return resized_rows(strips.flatten(0, 1).permute(0, 3, 2, 1))


def window_columns(mel: Tensor, hop: float, times: Tensor, whole: bool) -> Tensor:
    """[B, U, 2500]: the mel column, a fraction, under each of the picture's: from the first frame to the last's end.

    By time: column k is centred k hops after the first frame. `whole`: from one whole column to another, as a picture
    is cut. The published code counts columns by frames (all columns over all frames); that is the same clock unless
    the sound ends before the video does, and how many frames there are is not known here.
    """
    first, last = times[..., :1], times[..., -1:]
    begin, end = first / hop, (last + (last - first) / (FRAMES - 1)) / hop
    place = (torch.arange(TILE * FRAMES, device=first.device) + 0.5) / (TILE * FRAMES)
    if whole:
        begin, end = begin.round(), torch.maximum(end.round(), begin.round() + 1)
        at = (begin + place * (end - begin) - 0.5).clamp(min=begin, max=end - 1)
    else:
        at = begin + place * (end - begin)
    heard_last = columns_heard(mel)[:, None, None] - 1
    return at.clamp(min=torch.zeros_like(heard_last), max=heard_last)


def columns_heard(mel: Tensor) -> Tensor:
    """float [B]: mel columns before the NaN that a batch is padded with."""
    place = torch.arange(1, mel.shape[1] + 1, device=mel.device)
    return (place * ~mel[..., 0].isnan()).amax(dim=1).to(mel.dtype)


def shades(mel: Tensor) -> Tensor:
    """Log10 power [B, F, M] -> int64 0..255: from a clip's quietest (at most 80 dB down) to its loudest; NaN is 0."""
    decibels = 10 * mel
    loudest = decibels.nan_to_num(-torch.inf).amax(dim=(1, 2), keepdim=True)
    decibels = decibels.clamp(min=loudest - QUIETEST)
    quietest = decibels.nan_to_num(torch.inf).amin(dim=(1, 2), keepdim=True)
    share = (decibels - quietest) / (loudest - quietest).clamp(min=1e-6)
    return (share.nan_to_num(0) * 256).long().clamp(0, 255)


@cache
def viridis(device: torch.device) -> Tensor:
    """float [256, 3]: matplotlib's colours, 0..255."""
    from matplotlib import colormaps

    return torch.tensor(colormaps["viridis"](range(256), bytes=True)[:, :3], dtype=torch.float32, device=device)


def side_by_side(picture: Tensor) -> Tensor:
    """[N, 3, 1000, 2500] -> its five frames [N, 5, 3, 500, 500]."""
    return picture[:, :, TILE:].unflatten(3, (FRAMES, TILE)).permute(0, 3, 1, 2, 4)


def slid(picture: Tensor) -> Tensor:
    """[N, 3, 1000, 2500] -> [N, 5, 3, 500, 500], cut as published: the first frame five times, each a pixel on."""
    return picture[:, :, TILE:].unfold(3, TILE, 1)[:, :, :, :FRAMES].permute(0, 3, 1, 2, 4)


def resized_rows(images: Tensor) -> Tensor:
    """[M, 3, h, w] -> [M, 3, 500, w], bilinear, no antialias."""
    return F.interpolate(images, size=(TILE, images.shape[-1]), mode="bilinear", align_corners=False)


def resized(images: Tensor, side: int) -> Tensor:
    """[M, 3, h, w] -> [M, 3, side, side], bilinear, no antialias."""
    return F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)


def regions(images: Tensor) -> list[Tensor]:
    """[…, s, s] -> its centre's three nested squares: all, 0.75 and 0.455 of the side."""
    side = images.shape[-1]
    return [images[..., m : side - m, m : side - m] for m in (round(margin * side) for margin in MARGINS)]


def native(frames: Tensor, boxes: Tensor, size: int, mirror: Tensor | None = None) -> Tensor:
    """[B * U, 5, 3, size, size], 0..1: pixels of frames [B, U, 5, S, S, 3] as they are, about the centres of each one's
    box [B, U, 5, 4].
    """
    return copied(frames.flatten(1, 2), boxes.flatten(1, 2), size, mirror).unflatten(1, (-1, FRAMES)).flatten(0, 1)


def mouths(boxes: Tensor, landmarks: Tensor) -> Tensor:
    """[..., 2] x y: between the corners of the mouth, or where a face's box [..., 4] has it if none was found."""
    corner, side = boxes[..., :2], boxes[..., 2:] - boxes[..., :2]
    usual = corner + side * constant((0.5, 0.8), side.device)
    found = landmarks[..., 3:, :].mean(dim=-2)
    return torch.where(found.isnan(), usual, found)


def halves(tokens: Tensor) -> dict[str, Tensor]:
    """CLIP's tokens [N, 257, C] -> [N, C, 8, 16] each: the picture's upper half, sound, and its lower, frames."""
    side = math.isqrt(tokens.shape[1] - 1)
    upper, lower = tokens[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2).chunk(2, dim=2)
    return {"sound": upper, "frames": lower}


# ── The sound alone ──────────────────────────────────────────────────────────────────────────────


def heard(mel: Tensor, hop: float, times: Tensor) -> Tensor:
    """[B, U, 5, 8]: the sound at each frame, log10 power by band against the clip's loud moments."""
    bands = mel.unflatten(-1, (BANDS, -1)).mean(dim=-1)
    loud = bands.amax(dim=-1).nanquantile(0.95, dim=1)
    level = (bands - loud[:, None, None]).clamp(min=-QUIETEST / 10).nan_to_num(-QUIETEST / 10)
    columns = (times / hop).round()[..., None] + torch.arange(-AROUND, AROUND + 1, device=mel.device)
    last = columns_heard(mel)[:, None, None, None] - 1
    columns = columns.clamp(min=torch.zeros_like(last), max=last).long()
    return level[torch.arange(len(mel), device=mel.device)[:, None, None, None], columns].mean(dim=3)
