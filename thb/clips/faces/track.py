"""Which of the faces seen in a clip's frames is the clip's: the largest that stays, followed from frame to frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from thb.clips.faces.face import N_LANDMARKS, Faces, followed, whole_frame

LOOKED_AT = 8  # of a clip's kept frames, evenly spread
SAME = 0.3  # overlap (IoU) from which boxes of two frames looked at are one face
FEWEST = 0.25  # of the frames looked at: a face seen in fewer is none
ABOVE = 0.5  # of a box's height: the head above it, where a pattern may be taken for another face
SIGHT = 4 + 2 * N_LANDMARKS  # numbers of one face in one frame: its box, then its points

Look = Callable[[np.ndarray], np.ndarray]  # uint8 [H, W, 3] RGB -> float [faces, SIGHT], fractions of the sides


def looked_at(count: int) -> np.ndarray:
    """int [at most LOOKED_AT]: which of `count` frames a finder looks at for which looking costs much."""
    return np.unique(np.linspace(0, count - 1, min(LOOKED_AT, count)).round().astype(int))


def tracked(look: Look, frames: Iterable[np.ndarray]) -> tuple[np.ndarray, int]:
    """The clip's face in each frame, float [frames, SIGHT], NaN where it is not seen; and how many others stay."""
    seen = [look(frame) for frame in frames]
    track = one_face(seen)
    return track, others(track, seen)


def stays(track: np.ndarray) -> bool:
    """Whether a face was seen often enough to be one."""
    return len(track) > 0 and bool(np.isfinite(track[:, 0]).mean() >= FEWEST)


def as_face(track: np.ndarray, seen_at: np.ndarray, kept: np.ndarray, others: int = 0) -> Faces:
    """The face of a track through the frames `seen_at` (int [n]), in all `kept` ones (int [T]) of the clip."""
    if not stays(track):
        return whole_frame(len(kept))
    return followed(track[:, :4], track[:, 4:].reshape(-1, N_LANDMARKS, 2), seen_at, kept, others)


def one_face(seen: list[np.ndarray]) -> np.ndarray:
    """Of each frame's faces [n, SIGHT] the one that is the clip's -> [frames, SIGHT].

    It is the track with the largest product of its median width and the number of frames that it is seen in.
    """
    tracks: list[np.ndarray] = []
    for frame, faces in enumerate(seen):
        for face in faces:
            if not any(np.array_equal(track[frame], face) for track in tracks):  # it is in none yet
                tracks.append(_followed(frame, face, seen))
    weight = [np.isfinite(track[:, 0]).sum() * np.nanmedian(track[:, 2] - track[:, 0]) for track in tracks]
    return tracks[int(np.argmax(weight))] if tracks else np.full((len(seen), SIGHT), np.nan)


def _followed(start: int, face: np.ndarray, seen: list[np.ndarray]) -> np.ndarray:
    """A face of frame `start` in all frames, each time where it overlaps most with where it was last seen."""
    track = np.full((len(seen), SIGHT), np.nan)
    track[start] = face
    for way in (range(start + 1, len(seen)), range(start - 1, -1, -1)):
        last = face[:4]
        for frame in way:
            shared = overlap(last, seen[frame][:, :4])
            if len(shared) and shared.max() >= SAME:
                track[frame] = seen[frame][shared.argmax()]
                last = track[frame, :4]
    return track


def others(track: np.ndarray, seen: list[np.ndarray]) -> int:
    """How many faces stay beside the one of `track`: somebody else may be the one that is meant."""
    count = 0
    while any(map(len, seen)):
        seen = _without(track, seen)
        track = one_face(seen)
        count += stays(track)
    return count


def _without(track: np.ndarray, seen: list[np.ndarray]) -> list[np.ndarray]:
    """What else is seen: no face whose middle lies in the track's head, where that was last known."""
    usual, left = np.nanmedian(track[:, :4], axis=0), []
    for box, faces in zip(track[:, :4], seen, strict=True):
        x0, y0, x1, y1 = box if np.isfinite(box[0]) else usual
        x, y = (faces[:, 0] + faces[:, 2]) / 2, (faces[:, 1] + faces[:, 3]) / 2
        left.append(faces[(x < x0) | (x > x1) | (y < y0 - ABOVE * (y1 - y0)) | (y > y1)])
    return left


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box [4] with each of [n, 4]."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared)
