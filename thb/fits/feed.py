"""Clips from the neutral store to the device a network is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from thb.clips.clip_store import SIZE, SQUARE, WHOLE, ClipStore, inside
from thb.detectors.base import Clips, Network, moved

_DEVICE_SHARE = 0.5  # of the free device memory that clips may take; the network needs the rest


class Feed:
    """Some clips of a store for one network; on a GPU their frames stay there as uint8 if they fit."""

    def __init__(
        self, store: ClipStore, rows: pd.DataFrame, device: torch.device, network: Network | type[Network]
    ) -> None:
        """`rows`: CLIP_COLUMNS, every one with frames, and with sound if the network `hears`."""
        self.windows, self.run, self.tested, self.device = store.windows, store.run, store.test_windows, device
        self.labels = torch.tensor(rows["label"].to_numpy(np.int64))
        self._view, pictures = (WHOLE, store.frames) if network.sees == "whole" else (SQUARE, store.faces)
        self._stored = [pictures[source][row] for source, row in _at(rows)]
        self._places = np.stack([store.places[source][row] for source, row in _at(rows)])
        located = inside(self._places, self._view)
        self._boxes, self._landmarks = (torch.from_numpy(each.astype(np.float32)) for each in located)
        self._squares = torch.from_numpy(_squares(self._places, self._view))
        self._times = torch.from_numpy(np.stack([store.times[source][row] for source, row in _at(rows)]))
        self._mel = _heard(store, rows) if network.hears else []
        self._mel_hop = store.mel_hop
        self._originals = _originals(store, rows, pictures, self._places) if network.compares else []
        self._resident = self._move_all() if self._fits() else None

    def __len__(self) -> int:
        return len(self._stored)

    def take(self, index: Tensor, starts: Tensor, length: int) -> Clips:
        """Clips `index` [B], from each the runs of `length` frames that begin at frames `starts` [B, U]."""
        frames = starts[:, :, None] + torch.arange(length)
        told = (self._times, self._boxes, self._landmarks, self._squares)
        times, boxes, landmarks, squares = (moved(each[index[:, None, None], frames], self.device) for each in told)
        clips = Clips(self._pixels(index, frames), times, boxes, landmarks, squares, self.labels[index])
        if self._mel:  # padded with NaN to the longest clip's
            mel = torch.nn.utils.rnn.pad_sequence([self._mel[i] for i in index.tolist()], True, torch.nan)
            clips = replace(clips, mel=moved(mel.float(), self.device), mel_hop=self._mel_hop)
        if self._originals:
            clips = self._with_originals(clips, index, frames)
        return clips

    def _with_originals(self, clips: Clips, index: Tensor, frames: Tensor) -> Clips:
        """Each swap's original, cut where the swap is; a clip without one has its own frames."""
        found = [self._originals[i] for i in index.tolist()]
        originals, there = clips.frames.clone(), [place for place, one in enumerate(found) if one]
        if there:
            chosen = frames[there]
            pixels, places = zip(*(one for one in found if one), strict=True)
            own = [self._places[i] for i in index[there].tolist()]
            seen, theirs, ours = (moved(_picked(each, chosen), self.device) for each in (pixels, places, own))
            view = self._view
            originals[there] = reframed(seen, theirs[..., view, :], ours[..., view, :], originals[there])
        paired = torch.tensor([one is not None for one in found])
        return replace(clips, originals=originals, paired=paired)

    def swap_sound(self, order: np.ndarray) -> None:
        """Let clip i be heard with the sound of clip `order[i]`."""
        self._mel = [self._mel[i] for i in order]

    def _pixels(self, index: Tensor, frames: Tensor) -> Tensor:
        """uint8 [B, U, L, S, S, 3] on the device."""
        if self._resident is not None:
            return self._resident[moved(index[:, None, None], self.device), moved(frames, self.device)]
        return moved(_picked([self._stored[i] for i in index.tolist()], frames), self.device)

    def _fits(self) -> bool:
        if self.device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(self.device)
        return sum(clip.nbytes for clip in self._stored) < _DEVICE_SHARE * free

    def _move_all(self) -> Tensor:
        """uint8 [n, T, S, S, 3], moved a clip at a time so that host memory never holds them all."""
        moved = torch.empty((len(self), *self._stored[0].shape), dtype=torch.uint8, device=self.device)
        for place, clip in enumerate(self._stored):
            moved[place].copy_(torch.from_numpy(np.array(clip)))
        return moved


def _at(rows: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(rows["source"], rows["row"].astype(int), strict=True))


def _picked(clips: Sequence[np.ndarray], frames: Tensor) -> Tensor:
    return torch.from_numpy(np.stack([clip[f.numpy()] for clip, f in zip(clips, frames, strict=True)]))


def _heard(store: ClipStore, rows: pd.DataFrame) -> list[Tensor]:
    """float16 [mel_frames, mels] of each clip."""
    lengths = rows["mel_frames"].astype(int)
    return [
        torch.from_numpy(np.array(store.mel[source][row][:length]))
        for (source, row), length in zip(_at(rows), lengths, strict=True)
    ]


def _originals(
    store: ClipStore, rows: pd.DataFrame, pictures: Mapping[str, np.ndarray], own: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray] | None]:
    """Of each swap, pixels and places of the real video that it was laid over; None where that is not at hand."""
    reals = store.rows.loc[(store.rows["role"] == "real") & (store.rows["video"] != "")]
    at = {(video, n): place for video, n, place in zip(reals["video"], reals["n_frames"], _at(reals), strict=True)}
    asked = zip(rows["role"], rows["video"], rows["n_frames"], strict=True)
    found = [at.get((video, n)) if role == "swap" else None for role, video, n in asked]
    pairs = [(pictures[place[0]][place[1]], store.places[place[0]][place[1]]) if place else None for place in found]
    return [
        pair if pair and np.array_equal(pair[1][0, SIZE], mine[0, SIZE]) else None
        for pair, mine in zip(pairs, own, strict=True)
    ]


def _squares(places: np.ndarray, view: slice) -> np.ndarray:
    """float32 [..., 4]: a place's square as fractions of the whole frames'."""
    corner, end = places[..., WHOLE.start, None, :], places[..., WHOLE.start + 1, None, :]
    squares = (places[..., view, :] - corner) / (end - corner)
    return squares.reshape(*squares.shape[:-2], 4).astype(np.float32)


def reframed(pixels: Tensor, theirs: Tensor, ours: Tensor, otherwise: Tensor) -> Tensor:
    """Pixels uint8 [..., S, S, 3] of the squares `theirs`, cut anew at `ours` ([..., 2, 2]: corners, in one unit).

    Of squares of one side pixels are copied, else bilinear; what `theirs` do not hold is taken from `otherwise`.
    """
    shape, side = pixels.shape, pixels.shape[-2]
    flat, start, end = pixels.flatten(0, -4), *(theirs.flatten(0, -3)[:, i] for i in (0, 1))
    corner, reach = ours.flatten(0, -3)[:, 0] - start, ours.flatten(0, -3)[:, 1] - ours.flatten(0, -3)[:, 0]
    at = (torch.arange(side, device=pixels.device) + 0.5) / side
    x, y = ((corner[:, i, None] + at * reach[:, i, None]) / (end - start)[:, i, None] * 2 - 1 for i in (0, 1))
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)
    cut = F.grid_sample(
        flat.permute(0, 3, 1, 2).float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    held = (grid.abs() < 1).all(dim=-1)[..., None]
    return torch.where(held, cut.round().byte().permute(0, 2, 3, 1), otherwise.flatten(0, -4)).view(shape)
