"""The embedded corpus knows where its faces are; no other corpus has such files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from thb.clips.faces.face import Faces, followed
from thb.core.errors import DataError
from thb.core.paths import Paths


@dataclass(frozen=True)
class TruthFinder:
    """Reads what the renderer wrote beside each clip."""

    paths: Paths

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> Faces:
        from thb.rendered import truth

        name = f"{clip['clip']}.npz"
        if not (self.paths.truth / name).is_file():
            raise DataError(f"finder `truth` does not know this clip: truth/{name} is missing")
        known = truth.read(self.paths.truth / name)
        if len(known.box) <= kept.max():
            raise DataError(f"truth/{name} knows {len(known.box)} frames, and the clip has more")
        return followed(known.box[kept], known.landmarks[kept], kept, kept)
