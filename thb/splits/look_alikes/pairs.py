"""Pairs of clips: whether they show one person by name, and how alike their faces are.

Two clips have one name if they show the same person. They have two if nobody shown, nobody whose video moves
a face, and nobody whose head a swap keeps is common to both. What lies between is neither: a fake does not look
like its driver, and a swap looks a little like its target.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

BLOCK = 512  # clips compared with all others at a time: memory stays the same however many there are
STEPS = 2000  # of similarities from -1 to 1 that are counted together
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
NOBODY = -1


@dataclass(frozen=True)
class Faces:
    """n clips: directions float32 [n, d] of length 1; numbers for who is shown [n] and for all involved [n, 2]."""

    directions: np.ndarray
    shown: np.ndarray
    involved: np.ndarray  # portrait and video; NOBODY where there is none

    @classmethod
    def named(cls, directions: np.ndarray, shown: np.ndarray, portraits: np.ndarray, videos: np.ndarray) -> Faces:
        """Of names, '' where there is none."""
        names = np.concatenate([shown, portraits, videos]).astype(str)
        numbers = np.unique(names, return_inverse=True)[1]
        shown, *involved = np.where(names == "", NOBODY, numbers).reshape(3, -1)
        return cls(directions, shown, np.stack(involved, axis=1))

    def __getitem__(self, chosen: np.ndarray | slice) -> Faces:
        return Faces(self.directions[chosen], self.shown[chosen], self.involved[chosen])

    def blocks(self, others: Faces) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
        """Some clips at a time: which; bool [m, n] one name, bool [m, n] two; float32 [m, n] how alike."""
        for start in range(0, len(self.shown), BLOCK):
            part = slice(start, start + BLOCK)
            some = self[part]
            one = some.shown[:, None] == others.shown[None]
            yield part, one, ~(one | _common(some.involved, others.involved)), some.directions @ others.directions.T


def _common(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """bool [m, n]: somebody is involved in both."""
    found = np.zeros((len(some), len(others)), bool)
    for mine in some.T:
        for theirs in others.T:
            found |= (mine[:, None] == theirs[None]) & (mine[:, None] != NOBODY)
    return found


@dataclass
class Tally:
    """Similarities of pairs, counted as they come: how many, how many of at least `same`, and how they spread."""

    same: float
    count: int = 0
    reached: int = 0
    steps: np.ndarray = field(default_factory=lambda: np.zeros(STEPS, np.int64))

    def add(self, similarities: np.ndarray) -> None:
        self.count += similarities.size
        self.reached += int((similarities >= self.same).sum())
        self.steps += np.histogram(np.clip(similarities, -1, 1), bins=STEPS, range=(-1, 1))[0]

    def quantiles(self) -> dict[str, float]:
        """Each to within a step: the upper end of the one it lies in; none without pairs."""
        if not self.count:
            return {}
        places = np.searchsorted(self.steps.cumsum(), np.array(QUANTILES) * self.count)
        return {
            f"{q:g}": round(float(2 * (place + 1) / STEPS - 1), 3) for q, place in zip(QUANTILES, places, strict=True)
        }


def tallied(faces: Faces, same: float) -> tuple[Tally, Tally]:
    """All pairs of these clips: those of one name, and those of two."""
    one_name, two_names = Tally(same), Tally(same)
    for part, one, two, alike in faces.blocks(faces):
        once = np.arange(len(faces.shown))[None] > np.arange(len(faces.shown))[part, None]
        one_name.add(alike[one & once])
        two_names.add(alike[two & once])
    return one_name, two_names


@dataclass(frozen=True)
class Nearest:
    """Of m clips: float32 [m] how alike the most similar of some other clips is, -inf for none; int [m] which it is."""

    similarity: np.ndarray
    place: np.ndarray


def nearest(tested: Faces, seen: Faces, one_name: bool) -> Nearest:
    """For each clip tested, the most similar of those seen under the same name, or under another; places in `seen`."""
    found = Nearest(np.full(len(tested.shown), -np.inf, np.float32), np.zeros(len(tested.shown), np.int64))
    for part, one, two, alike in tested.blocks(seen) if len(seen.shown) else ():
        alike = np.where(one if one_name else two, alike, -np.inf)
        found.place[part] = alike.argmax(axis=1)
        found.similarity[part] = alike.max(axis=1)
    return found
