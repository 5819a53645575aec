"""A frame of every clip that the explorer names, all in one picture within the page; of rendered clips alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from thb.clips import clip_store
from thb.core.tables import OK
from thb.report.load import Results

SIDE, COLUMNS, QUALITY = 64, 32, 70  # pixels of a frame's side, frames in a line, of a JPEG


def sheet(results: Results, sources: Iterable[str], groups: Mapping[str, Sequence[str]]) -> dict[str, Any] | None:
    """The middle frame of each clip of these sources, group after group; None for clips that are real, or not here.

    picture: an address that holds it, with `columns` frames in a line, `side` pixels wide and high; starts: group ->
    how many frames stand before its own. A clip without frames stays black: no detector has scored it.
    Raises DataError for clips that were not prepared by this code and these settings.
    """
    if results.params.active.corpus != "mini" or not results.paths.clips("").is_dir():
        return None
    frames = {name: frame for source in sources for name, frame in _middle(results, source)}
    names = [name for own in groups.values() for name in own]
    picture = Image.new("RGB", (SIDE * COLUMNS, SIDE * -(-len(names) // COLUMNS)))
    for i, name in enumerate(names):
        if name in frames:
            small = Image.fromarray(frames[name]).resize((SIDE, SIDE))
            picture.paste(small, (SIDE * (i % COLUMNS), SIDE * (i // COLUMNS)))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return {
        "picture": f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}",
        "side": SIDE,
        "columns": COLUMNS,
        "starts": dict(zip(groups, np.cumsum([0, *map(len, groups.values())]).tolist(), strict=False)),
    }


def _middle(results: Results, source: str) -> Iterable[tuple[str, np.ndarray]]:
    """Each clip's name and uint8 [S, S, 3]: its middle frame, of the memory map, as nothing is computed from it."""
    table = clip_store.read_clips(results.paths, results.params, source)
    kept = np.load(results.paths.clips(source) / "frames.npy", mmap_mode="r")
    usable = table.loc[table["status"] == OK]
    return ((name, kept[row, kept.shape[1] // 2]) for name, row in zip(usable["clip"], usable["row"], strict=True))
