"""contact: a few frames of every source for the book, of the embedded corpus only."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from thb.clips.clip_store import open_clips
from thb.core import origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_atomic

CLIPS, FRAMES = 3, 2  # clips shown a source; frames shown a clip
SHOWN_ORDER = ("real", "generator", "unseen", "swap")  # what is real first: the eye needs it to compare with


def run(paths: Paths, params: Params) -> None:
    """Write uint8 `frames` [source, clip, frame, S, S, 3], `sources` and `clips`; empty arrays on real data.

    The rule: each source's first test clips by id, their first frame and the middle one.
    """
    sources = [s for role in SHOWN_ORDER for s in params.of_role(role)] if params.active.corpus == "mini" else []
    frames, clips = zip(*(_frames(paths, params, source) for source in sources), strict=True) if sources else ((), ())

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez_compressed(
                file,
                frames=np.array(frames, dtype=np.uint8),
                sources=np.array(sources, dtype=str),
                clips=np.array(clips, dtype=str),
                made_by=np.array(json.dumps(asdict(origin.of_contact(paths, params)))),
            )

    write_atomic(paths.contact, write)
    print(f"{len(sources)} sources -> {paths.relative(paths.contact)}")


def _frames(paths: Paths, params: Params, source: str) -> tuple[np.ndarray, list[str]]:
    """uint8 [CLIPS, FRAMES, S, S, 3] and the clips' ids."""
    store = open_clips(paths, params, [source])
    tested = store.rows.loc[store.rows["split"] == "test"].sort_values("clip").index
    chosen = [int(tested[i % len(tested)]) for i in range(CLIPS)]
    shown = [store.clip(i)[[0, store.windows // 2], 0] for i in chosen]
    return np.stack(shown), [store.rows.loc[i, "clip"] for i in chosen]
