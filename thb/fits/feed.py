"""Clips from the neutral store to the device a network is on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thb.clips.clip_store import ClipStore
from thb.core.tables import BOX_COLUMNS, LANDMARK_COLUMNS
from thb.detectors.base import Clips, Network, moved

_DEVICE_SHARE = 0.5  # of the free device memory that clips may take; the network needs the rest


class Feed:
    """Some clips of a store for one network; on a GPU their frames stay there as uint8 if they fit."""

    def __init__(
        self, store: ClipStore, rows: pd.DataFrame, device: torch.device, network: Network | type[Network]
    ) -> None:
        """`rows`: CLIP_COLUMNS, every one with frames, and with sound if the network `hears`."""
        self.windows, self.run, self.device = store.windows, store.run, device
        self.labels = torch.tensor(rows["label"].to_numpy(np.int64))
        self._boxes = _floats(rows, BOX_COLUMNS, device)
        self._landmarks = _floats(rows, LANDMARK_COLUMNS, device).view(len(rows), -1, 2)
        self._stored = [store.frames[source][row] for source, row in _places(rows)]
        self._times = torch.from_numpy(np.stack([store.times[source][row] for source, row in _places(rows)]))
        self._mel = _heard(store, rows) if network.hears else []
        self._mel_hop = store.mel_hop
        self._originals = _originals(store, rows) if network.compares else []
        self._resident = self._move_all() if self._fits() else None

    def __len__(self) -> int:
        return len(self._stored)

    def take(self, index: Tensor, starts: Tensor, length: int) -> Clips:
        """Clips `index` [B], from each the runs of `length` frames that begin at frames `starts` [B, U]."""
        frames = starts[:, :, None] + torch.arange(length)
        on_device = moved(index, self.device)
        clips = Clips(
            self._pixels(index, frames),
            moved(self._times[index[:, None, None], frames], self.device),
            self._boxes[on_device],
            self._landmarks[on_device],
            self.labels[index],
        )
        if self._mel:  # padded with NaN to the longest clip's
            mel = torch.nn.utils.rnn.pad_sequence([self._mel[i] for i in index.tolist()], True, torch.nan)
            clips = replace(clips, mel=moved(mel.float(), self.device), mel_hop=self._mel_hop)
        if self._originals:
            found = [self._originals[i] for i in index.tolist()]
            frames_of = [self._stored[i] if o is None else o for i, o in zip(index.tolist(), found, strict=True)]
            paired = torch.tensor([o is not None for o in found])
            clips = replace(clips, originals=moved(_picked(frames_of, frames), self.device), paired=paired)
        return clips

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


def _places(rows: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(rows["source"], rows["row"].astype(int), strict=True))


def _picked(clips: list[np.ndarray], frames: Tensor) -> Tensor:
    return torch.from_numpy(np.stack([clip[f.numpy()] for clip, f in zip(clips, frames, strict=True)]))


def _heard(store: ClipStore, rows: pd.DataFrame) -> list[Tensor]:
    """float16 [mel_frames, mels] of each clip."""
    lengths = rows["mel_frames"].astype(int)
    return [
        torch.from_numpy(np.array(store.mel[source][row][:length]))
        for (source, row), length in zip(_places(rows), lengths, strict=True)
    ]


def _originals(store: ClipStore, rows: pd.DataFrame) -> list[np.ndarray | None]:
    """Of each swap, the frames of the real video that it was laid over; None where they are not at hand."""
    reals = store.rows.loc[(store.rows["role"] == "real") & (store.rows["video"] != "")]
    at = {(video, n): place for video, n, place in zip(reals["video"], reals["n_frames"], _places(reals), strict=True)}
    asked = zip(rows["role"], rows["video"], rows["n_frames"], strict=True)
    found = [at.get((video, n)) if role == "swap" else None for role, video, n in asked]
    return [store.frames[place[0]][place[1]] if place else None for place in found]


def _floats(rows: pd.DataFrame, columns: list[str], device: torch.device) -> Tensor:
    return torch.tensor(rows[columns].to_numpy(np.float32), device=device)
