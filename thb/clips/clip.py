"""One clip, from its file to what the neutral store keeps of it: frames, the face in each, sound, a row of facts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from thb.clips import audio, clip_store, video
from thb.clips.faces import FaceFinder, Faces, cut, face_squares, scaled, whole_square
from thb.clips.media import DAMAGE, plain
from thb.clips.sampling import kept_frames
from thb.core.errors import DataError, printable
from thb.core.params import Store
from thb.core.tables import BOX_COLUMNS, CLIP_COLUMNS, ERROR, LANDMARK_COLUMNS, write_atomic

WHOLE = ["label", "width", "height", "n_frames", "mel_frames", "row"]
MEASURED = ["fps", "seconds", "bitrate", *BOX_COLUMNS, *LANDMARK_COLUMNS, "face_share"]  # and all else is text
NO_SOUND = "no sound"  # how the reason begins where there is a sound track that cannot be used

Row = dict[str, object]


@dataclass(frozen=True)
class Prepared:
    """One clip's row, and, if its status is ok, its pixels and sound."""

    row: Row
    frames: np.ndarray | None = None  # uint8 [T, S, S, 3] RGB, whole
    faces: np.ndarray | None = None  # uint8 [T, F, F, 3] RGB, the face
    places: np.ndarray | None = None  # float32 [T, clip_store.PLACES, 2]: where both lie in the source's frame
    times: np.ndarray | None = None  # float32 [T] seconds since the first frame
    mel: np.ndarray | None = None  # float16 [mel_frames, mels]
    found: Faces | None = None  # where the face is in the whole frame; the row says where in the square


def prepare(row: Row, path: Path, finder: str, find: FaceFinder, store: Store, beside: Path | None = None) -> Prepared:
    """Decode, find the face, cut, listen; a clip that cannot be used comes back with its reason.

    `row` is what is known of the clip already; `finder` names `find`; `beside` is a sound file that may
    lie beside a video without sound.
    """
    try:
        footage = video.read(path, partial(kept_frames, windows=store.windows, run=store.run), store.size)
        found = find.find(row, footage.frames, footage.kept)
        close_ups, places = _close_ups(footage, found, store)
        mel, silent = _sound(path, beside, footage, store)
    except (DataError, *DAMAGE) as e:
        return Prepared({**row, "status": ERROR, "reason": _said(e)})
    row = {
        **row,
        **asdict(footage.facts),
        **_face_columns(places, found),
        "finder": finder,
        "mel_frames": len(mel),
        "reason": _notes(found, mel, silent),
    }
    return Prepared(row, _whole(footage.frames, found), close_ups, places, footage.times, mel, found)


def _whole(frames: np.ndarray, found: Faces) -> np.ndarray:
    """uint8 [T, S, S, 3]: the whole frames, cut to squares at one place."""
    x0, y0, x1, y1 = whole_square(found, (frames.shape[2], frames.shape[1]))
    return frames[:, y0:y1, x0:x1]


def _close_ups(footage: video.Footage, found: Faces, store: Store) -> tuple[np.ndarray, np.ndarray]:
    """The faces uint8 [T, F, F, 3], cut from the source's frames one at a time, and the places."""
    size, side = (footage.facts.width, footage.facts.height), store.face.size
    squares = face_squares(found, smaller := scaled(found, size, store.face), side)
    cuts = np.empty((len(squares), side, side, 3), np.uint8)
    for place, (picture, square) in enumerate(zip(footage.pictures(smaller), squares, strict=True)):
        cuts[place] = cut(picture, square)
    in_source = squares * np.tile(np.divide(size, smaller), 2)
    return cuts, clip_store.placed(size, whole_square(found, size), in_source, found.boxes, found.landmarks)


def keep(done: Prepared, file: Path) -> Row:
    """Write a prepared clip whole or not at all; it is on the disk when this returns its row."""
    arrays = {name: getattr(done, name) for name in clip_store.ARRAYS} if done.frames is not None else {}
    row = np.array(json.dumps(done.row, default=np.generic.item))

    def write(part: Path) -> None:
        with part.open("wb") as out:
            np.savez(out, row=row, **arrays)
            out.flush()
            os.fsync(out.fileno())

    write_atomic(file, write)
    return done.row


def kept(file: Path, name: str) -> np.ndarray:
    """One of the arrays in a file that `keep` wrote; DataError where it is torn."""
    try:
        with np.load(file) as held:
            return held[name]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as e:
        raise DataError(f"{file.name} is torn; remove {file.parent} and start again") from e


def kept_row(file: Path) -> Row | None:
    """The row of a clip that is finished; None where there is no file of it, or a torn one."""
    try:
        return json.loads(str(kept(file, "row")))
    except DataError:
        return None


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """CLIP_COLUMNS in the rows' order; of a clip that failed, numbers are 0 or NaN and texts empty."""
    rows = [{key: printable(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows]
    blank = dict.fromkeys(CLIP_COLUMNS, "") | dict.fromkeys(WHOLE, 0) | dict.fromkeys(MEASURED, np.nan)
    kinds = dict.fromkeys(CLIP_COLUMNS, str) | dict.fromkeys(WHOLE, np.int64) | dict.fromkeys(MEASURED, float)
    return pd.DataFrame([blank | row for row in rows], columns=CLIP_COLUMNS).astype(kinds)


def _face_columns(places: np.ndarray, found: Faces) -> Row:
    """The medians, as fractions of the whole frames' square."""
    boxes, points = clip_store.inside(places, clip_store.WHOLE)
    values = [*np.median(boxes, axis=0), *np.median(points, axis=0).ravel(), found.share]
    return dict(zip([*BOX_COLUMNS, *LANDMARK_COLUMNS, "face_share"], map(float, values), strict=True))


def _notes(face: Faces, mel: np.ndarray, silent: str) -> str:
    """What is wrong with a clip that is used all the same; a clip that merely has no sound is none of these."""
    if face.share:
        return silent
    return "no face found: the whole frame is kept" + ("" if len(mel) else f"; {silent or 'it has no sound'}")


def _sound(path: Path, beside: Path | None, footage: video.Footage, store: Store) -> tuple[np.ndarray, str]:
    """The clip's own track, else the file beside it; a damaged one is no sound, and says so."""
    own = bool(footage.facts.audio_codec)
    file = path if own else beside
    none = np.zeros((0, store.sound.mels), np.float16)
    if file is None or not (own or file.is_file()):
        return none, ""
    try:
        return audio.clip_mel(file, footage.start if own else 0.0, footage.facts.seconds, store.sound), ""
    except (DataError, *DAMAGE) as e:
        return none, f"{NO_SOUND}: {_said(e)}"


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, DataError) else plain(error)
