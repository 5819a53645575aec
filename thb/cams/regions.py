"""Where face, mouth, hair, neck and background are in a frame: as the embedded corpus knows it, or estimated.

The estimate needs a face box (brow to chin) and five landmarks only, so that it can be had of any clip: the face is an
ellipse from chin to hairline, the mouth one about its corners, hair what lies about the face's upper half, the neck
what lies below the box. All else is background. Where the truth is known, the agreement is measured.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from thb.clips.sampling import kept_frames
from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.tables import BOX_COLUMNS, LANDMARK_COLUMNS, REGIONS
from thb.rendered import truth

CODES = {
    "face": truth.FACE,
    "mouth": truth.MOUTH,
    "hair": truth.HAIR,
    "neck": truth.NECK,
    "background": truth.BACKGROUND,
}

Row = Mapping[Hashable, Any]  # CLIP_COLUMNS of one clip
LAYERS = ("face", "mouth", "hair", "neck", "fault")  # what is not in one of the first four is background
GRID = 64  # pixels of a side

# Round numbers, of a portrait that looks ahead.
FOREHEAD = 0.3  # from box to hairline, of the box's height
HAIR = 1.25  # hair's outline: so many times the face's
MOUTH, LIPS = 0.55, 0.4  # half the mouth's width, of the distance between its corners; its height, of its width
COLLAR, SHOULDERS = 1.0, 3.0  # the neck's width where the box ends and at the frame's end, of the box's


def has_truth(paths: Paths) -> bool:
    """Whether the corpus has true regions; only the embedded one does."""
    return next(paths.truth.rglob("*.npz"), None) is not None


def known(paths: Paths, clip: Row, windows: int, run: int) -> tuple[np.ndarray, np.ndarray]:
    """Regions uint8 (places in REGIONS) and faults bool of a clip's kept frames, [T, GRID, GRID] each."""
    name = f"{clip['clip']}.npz"
    if not (paths.truth / name).is_file():
        raise DataError(f"truth/{name} is missing, though other clips have theirs; run `dvc repro`")
    facts, kept = truth.read(paths.truth / name), kept_frames(int(clip["n_frames"]), windows, run)
    place = np.zeros(max(CODES.values()) + 1, np.uint8)
    place[[CODES[region] for region in REGIONS]] = range(len(REGIONS))
    at = (2 * np.arange(GRID) + 1) * facts.regions.shape[-1] // (2 * GRID)
    where = kept[:, None, None], at[:, None], at
    return place[facts.regions][where], facts.artefact[where]


def estimated(clip: Row) -> np.ndarray:
    """uint8 [GRID, GRID], places in REGIONS, from a row of CLIP_COLUMNS."""
    x0, y0, x1, y1 = (float(clip[c]) for c in BOX_COLUMNS)
    y, x = (np.mgrid[:GRID, :GRID] + 0.5) / GRID
    top = y0 - FOREHEAD * (y1 - y0)
    centre, half = ((x0 + x1) / 2, (top + y1) / 2), ((x1 - x0) / 2, (y1 - top) / 2)
    spread = half[0] * (COLLAR + (SHOULDERS - COLLAR) * (y - y1) / max(1 - y1, 1 / GRID))
    regions = np.full((GRID, GRID), REGIONS.index("background"), np.uint8)
    regions[(y > y1) & (np.abs(x - centre[0]) < spread)] = REGIONS.index("neck")
    regions[_ellipse(x, y, centre, (HAIR * half[0], HAIR * half[1])) & (y < centre[1])] = REGIONS.index("hair")
    regions[_ellipse(x, y, centre, half)] = REGIONS.index("face")
    regions[_ellipse(x, y, *_mouth(clip))] = REGIONS.index("mouth")
    return regions


def _ellipse(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], half: tuple[float, float]) -> np.ndarray:
    return ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 < 1


def _mouth(clip: Row) -> tuple[tuple[float, float], tuple[float, float]]:
    """Its centre and half axes: about its corners, or where a face's box has it if none were found."""
    x0, y0, x1, y1 = (float(clip[c]) for c in BOX_COLUMNS)
    corners = np.array([float(clip[c]) for c in LANDMARK_COLUMNS[-4:]]).reshape(2, 2)
    if not np.isfinite(corners).all():
        corners = np.array([x0, y0]) + np.array([[0.35, 0.8], [0.65, 0.8]]) * (x1 - x0, y1 - y0)
    wide = MOUTH * max(float(np.linalg.norm(corners[1] - corners[0])), 0.05 * (x1 - x0))
    x, y = corners.mean(axis=0)
    return (x, y), (wide, LIPS * wide)


class Atlas:
    """Regions and faults of clips' kept frames, true where that is known, and how far the estimate agrees with it."""

    def __init__(self, paths: Paths, windows: int, run: int) -> None:
        self.paths, self.windows, self.run = paths, windows, run
        self.exact = has_truth(paths)
        self._compared: dict[str, np.ndarray] = {}  # clip -> pixels in both and in either, [2, R]

    def layers(self, clips: Sequence[Row], frames: np.ndarray) -> np.ndarray:
        """Of rows of CLIP_COLUMNS, their kept frames `frames` [U, L] -> bool [B, U, L, len(LAYERS), GRID, GRID]."""
        return np.stack([self._layers(clip, frames) for clip in clips])

    def _layers(self, clip: Row, frames: np.ndarray) -> np.ndarray:
        if self.exact:
            places, faults = known(self.paths, clip, self.windows, self.run)
            if clip["clip"] not in self._compared:
                self._compared[clip["clip"]] = overlaps(places, estimated(clip))
            places, faults = places[frames], faults[frames]
        else:
            places = np.broadcast_to(estimated(clip), (*frames.shape, GRID, GRID))
            faults = np.zeros(places.shape, bool)
        return np.stack([*(places == REGIONS.index(region) for region in LAYERS[:-1]), faults], axis=2)

    def told(self) -> dict[str, object]:
        """How the regions are known; and, where both are, the estimate's intersection over union with the truth."""
        if not self.exact:
            return {"regions": "estimated", "agreement": None}
        both, either = np.sum(list(self._compared.values()), axis=0)
        agreed = both / np.maximum(either, 1)
        return {"regions": "truth", "agreement": dict(zip(REGIONS, agreed.round(4).tolist(), strict=True))}


def overlaps(true: np.ndarray, guessed: np.ndarray) -> np.ndarray:
    """Pixels in both, and in either, of each region: int [2, R], of uint8 [T, h, w] against one guess [h, w]."""
    pairs = [(true == place, guessed[None] == place) for place in range(len(REGIONS))]
    return np.array([[(a & b).sum() for a, b in pairs], [(a | b).sum() for a, b in pairs]])
