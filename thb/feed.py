"""Clips from the neutral store to the device a network is on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thb.detectors.base import Clips
from thb.records import BOX_COLUMNS, LANDMARK_COLUMNS, ClipStore

_DEVICE_SHARE = 0.5     # of the free device memory that clips may take; the network needs the rest


class Feed:
    """Some clips of a store; on a GPU their frames stay there as uint8 if they fit."""

    def __init__(self, store: ClipStore, rows: pd.DataFrame, device: torch.device) -> None:
        """`rows`: CLIP_COLUMNS, every one with frames."""
        self.windows, self.run, self.device = store.windows, store.run, device
        self.labels = torch.tensor(rows["label"].to_numpy(np.int64), device=device)
        self._boxes = _floats(rows, BOX_COLUMNS, device)
        self._landmarks = _floats(rows, LANDMARK_COLUMNS, device).view(len(rows), -1, 2)
        places = zip(rows["source"], rows["row"].astype(int), strict=True)
        self._stored = [store.frames[source][row] for source, row in places]
        self._resident = self._move_all() if self._fits() else None

    def __len__(self) -> int:
        return len(self._stored)

    def take(self, index: Tensor, starts: Tensor, length: int) -> Clips:
        """Clips `index` [B], from each the runs of `length` frames that begin at frames `starts` [B, U]."""
        frames = starts[:, :, None] + torch.arange(length)
        on_device = index.to(self.device)
        return Clips(self._pixels(index, frames), self._boxes[on_device], self._landmarks[on_device],
                     self.labels[on_device])

    def _pixels(self, index: Tensor, frames: Tensor) -> Tensor:
        """uint8 [B, U, L, S, S, 3] on the device."""
        if self._resident is not None:
            return self._resident[index[:, None, None].to(self.device), frames.to(self.device)]
        picked = [self._stored[i][f.numpy()] for i, f in zip(index.tolist(), frames, strict=True)]
        return torch.from_numpy(np.stack(picked)).to(self.device)

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


def _floats(rows: pd.DataFrame, columns: list[str], device: torch.device) -> Tensor:
    return torch.tensor(rows[columns].to_numpy(np.float32), device=device)
