"""Reading the neutral clip stores that `prepare` wrote: only whole ones of this corpus, profile, seed and code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from thb.core import origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths, variant_option
from thb.core.tables import BOX_COLUMNS, CLIP_COLUMNS, MANIFEST_COLUMNS, OK, STATUSES, read_rows, require

META, TABLE = "meta.json", "clips.parquet"
ARRAYS = ("frames", "faces", "places", "times", "mel")
PIXELS = ("frames", "faces")
SPLITS = ("train", "val", "test", "")  # '' is a clip that no list puts into one
# The rows of a place, x and y each, in pixels of the source's own upright frame: its width and height; the squares that
# `frames` and `faces` are cut from; the face's box and five points.
SIZE, WHOLE, SQUARE, BOX, POINTS = slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 7), slice(7, 12)
PLACES = POINTS.stop
FILES = (TABLE, *(f"{name}.npy" for name in ARRAYS))  # whose hashes meta.json keeps


@dataclass(frozen=True)
class ClipStore:
    """Several sources' clips as one table and one way to their pixels; only `ok` clips are in it."""

    rows: pd.DataFrame  # CLIP_COLUMNS, index 0..n-1
    frames: Mapping[str, np.ndarray]  # source -> uint8 memory map [clip, T, S, S, 3], RGB: whole frames
    faces: Mapping[str, np.ndarray]  # source -> uint8 memory map [clip, T, F, F, 3], RGB: the face in each
    places: Mapping[str, np.ndarray]  # source -> float32 memory map [clip, T, PLACES, 2]
    times: Mapping[str, np.ndarray]  # source -> float32 [clip, T], seconds since the clip's first frame
    mel: Mapping[str, np.ndarray]  # source -> float16 memory map [clip, F, mels], log10 power, NaN: nothing
    mel_hop: float  # seconds between mel frames; frame k is centred at k hops
    windows: int  # T = windows * run: `windows` evenly spaced starts,
    run: int  # each followed by `run` consecutive frames
    test_windows: int  # of the windows, evenly spaced: those that a test sees

    def clip(self, index: int) -> np.ndarray:
        """uint8 [windows, run, S, S, 3] RGB of the table's row `index`."""
        row = self.rows.iloc[index]
        kept = self.frames[row["source"]][int(row["row"])]
        return kept.reshape(self.windows, self.run, *kept.shape[1:])


def open_clips(paths: Paths, params: Params, sources: Sequence[str]) -> ClipStore:
    """The store of these sources, frames as memory maps."""
    tables, arrays = [], {name: {} for name in ARRAYS}
    for source in sources:
        record = checked(paths, params, source)
        table = _table(paths, params, source, record)
        tables.append(table[table["status"] == OK])
        for name, held in arrays.items():
            held[source] = _array(paths, params, source, record, name, len(tables[-1]))
    store = params.active.store
    return ClipStore(
        pd.concat(tables, ignore_index=True),
        **arrays,
        mel_hop=store.sound.hop_seconds,
        windows=store.windows,
        run=store.run,
        test_windows=store.test_windows,
    )


def placed(
    size: Sequence[float], whole: np.ndarray, squares: np.ndarray, boxes: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """float32 [T, PLACES, 2] of a frame's size, squares [4] and [T, 4], boxes [T, 4] and points [T, 5, 2].

    Squares are in pixels, boxes and points fractions of the frame's sides.
    """
    places = np.empty((len(squares), PLACES, 2), np.float32)
    places[:, SIZE], places[:, WHOLE], places[:, SQUARE] = size, whole.reshape(2, 2), squares.reshape(-1, 2, 2)
    places[:, BOX] = boxes.reshape(-1, 2, 2) * size
    places[:, POINTS] = points * size
    return places


def inside(places: np.ndarray, square: slice) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [..., 4] and points [..., 5, 2] of places as fractions of their WHOLE or SQUARE; a box ends at its edge."""
    corner = places[..., square.start : square.start + 1, :]
    side = places[..., square.start + 1 : square.stop, :] - corner
    boxes = np.clip((places[..., BOX, :] - corner) / side, 0, 1)
    return boxes.reshape(*boxes.shape[:-2], 4), (places[..., POINTS, :] - corner) / side


def read_clips(paths: Paths, params: Params, source: str) -> pd.DataFrame:
    """clips.parquet of one source, every row, whatever its status."""
    return _table(paths, params, source, checked(paths, params, source))


def _table(paths: Paths, params: Params, source: str, record: Mapping[str, Any]) -> pd.DataFrame:
    """The table that a store's record vouches for."""
    origin.check_files(paths, paths.clips(source), record, [TABLE], mend(paths, source))
    file = paths.clips(source) / TABLE
    try:
        table = pd.read_parquet(file)
    except (OSError, ValueError, NotImplementedError, TypeError) as e:  # pyarrow's own errors are of these kinds
        raise DataError(f"{paths.relative(file)} is no parquet file: {' '.join(str(e).split())}") from e
    table = require(table, CLIP_COLUMNS, paths.relative(file))
    if fault := _fault(table, params, source):
        raise DataError(f"{paths.relative(file)}: {fault}; run `{mend(paths, source)}`")
    return table


def checked(paths: Paths, params: Params, source: str) -> dict[str, Any]:
    """meta.json of a store that is of the active profile, and of the clips that are in data/raw."""
    file = paths.clips(source) / META
    if not file.is_file():
        raise DataError(
            f"source {source!r} is not prepared ({paths.relative(file)} is missing); run `{mend(paths, source)}`"
        )
    found = origin.read(file, origin.of_store(paths, params, source), paths, mend(paths, source), file.parent)
    of_clips = Paths(paths.root) if source in paths.shared else paths
    if of_clips.manifest.is_file():  # who has prepared all clips may remove them
        origin.check_raw(of_clips, params)
    if (now := raw_digest(of_clips, params, source)) and found.get("raw") != now:
        raise DataError(
            f"{paths.relative(file.parent)} was made from other clips than are in "
            f"{paths.relative(of_clips.raw)} now; run `{mend(paths, source)}`"
        )
    return found


def raw_digest(paths: Paths, params: Params, source: str) -> str:
    """Of one source's files as the manifest lists them; '' where there is no manifest (any more)."""
    if not paths.manifest.is_file():
        return ""
    folder = params.source(source).folder + "/"
    rows = read_rows(paths.manifest, MANIFEST_COLUMNS)
    return origin.digest([[row["path"], row["sha256"]] for row in rows if row["path"].startswith(folder)])


def digest(paths: Paths, params: Params, source: str) -> str:
    """Of a store's files, as its meta.json lists them."""
    return origin.digest(checked(paths, params, source).get("files"))


def mend(paths: Paths, source: str) -> str:
    """The command that makes a store anew."""
    return f"thb prepare {source}{variant_option('' if source in paths.shared else paths.variant)}"


def _array(paths: Paths, params: Params, source: str, record: Mapping[str, Any], name: str, clips: int) -> np.ndarray:
    """One of the store's arrays, of the shape that the profile asks for."""
    folder, file = paths.clips(source), paths.clips(source) / f"{name}.npy"
    origin.check_files(paths, folder, record, [file.name], mend(paths, source))
    try:
        array = np.load(file, mmap_mode="r")
        if not isinstance(array, np.ndarray):
            raise ValueError("several arrays in one file")
    except (OSError, ValueError, EOFError, TypeError, OverflowError, SyntaxError) as e:
        raise DataError(
            f"{paths.relative(file)} is no array: {' '.join(str(e).split())}; run `{mend(paths, source)}`"
        ) from e
    if array.dtype.kind != ("u" if name in PIXELS else "f"):
        raise DataError(f"{paths.relative(file)} holds {array.dtype}; run `{mend(paths, source)}`")
    store = params.active.store
    wanted = {
        "frames": (clips, store.frames, store.size, store.size, 3),
        "faces": (clips, store.frames, store.face.size, store.face.size, 3),
        "places": (clips, store.frames, PLACES, 2),
        "times": (clips, store.frames),
        "mel": (clips, *array.shape[1:2], store.sound.mels),
    }[name]
    if array.shape != wanted:
        raise DataError(
            f"{paths.relative(file)} has shape {array.shape}, but its clips and the profile ask for "
            f"{wanted}; run `{mend(paths, source)}`"
        )
    return array


def _fault(table: pd.DataFrame, params: Params, source: str) -> str:
    """What no table that `prepare` writes has ('' if nothing): a strange source or role, a place that is none."""
    entry, usable = params.source(source), table.loc[table["status"] == OK]
    for column, value in {"source": source, "role": entry.role, "label": entry.label}.items():
        if (odd := table.loc[table[column] != value]).size:
            return f"clip {odd['clip'].iloc[0]!r} has {column} {str(odd[column].iloc[0])!r}, not {str(value)!r}"
    if (odd := table.loc[~table["status"].isin(STATUSES)]).size:
        return f"clip {odd['clip'].iloc[0]!r} has status {odd['status'].iloc[0]!r}; known: {', '.join(STATUSES)}"
    if (odd := table.loc[table["clip"].duplicated()]).size:
        return f"clip {odd['clip'].iloc[0]!r} stands twice"
    if len(odd := usable.loc[~usable["split"].isin(SPLITS)]):
        return f"clip {odd['clip'].iloc[0]!r} is of split {str(odd['split'].iloc[0])!r}; known: {', '.join(SPLITS)}"
    if not all(pd.api.types.is_numeric_dtype(usable[column]) for column in ("row", "mel_frames", *BOX_COLUMNS)):
        return "its rows, boxes or lengths of sound are no numbers"
    if len(odd := usable.loc[~(usable["mel_frames"] >= 0)]):
        return f"clip {odd['clip'].iloc[0]!r} has {odd['mel_frames'].iloc[0]} frames of sound"
    if sorted(usable["row"]) != list(range(len(usable))):
        return f"its {len(usable)} usable clips do not have the rows 0 to {len(usable) - 1}"
    boxes = usable.loc[:, BOX_COLUMNS].to_numpy(float)
    if len(odd := usable.loc[~np.isfinite(boxes).all(axis=1)]):
        return f"clip {odd['clip'].iloc[0]!r} has no face box"
    return ""
