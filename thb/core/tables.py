"""The rows that pass between stages, their columns, and the one way they are read and written."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from thb.core.errors import DataError, DiskError

OK, MISSING, ERROR, NO_AUDIO = "ok", "missing", "error", "no_audio"
STATUSES = (OK, MISSING, ERROR, NO_AUDIO)

LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")  # left as the viewer sees it
LANDMARK_COLUMNS = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]
BOX_COLUMNS = ["x0", "y0", "x1", "y1"]

# Which clip a row is of, and what a player would learn from its file.
NAMES = ["clip", "source", "role", "label", "split", "path", "portrait", "driver", "video"]
FACTS = ["fps", "width", "height", "n_frames", "seconds", "bitrate", "codec", "pix_fmt", "audio_codec"]

# A row per clip that the source should hold. Box and landmarks are fractions of the frame side, medians over those of
# the frames looked at that show the face; `face_share` is their part of the frames looked at: all that are kept where
# the truth is known, else a few (faces.track.LOOKED_AT). `row` is its place in frames.npy, mel.npy and times.npy, -1
# unless status is ok; `mel_frames` is how many of its mel frames are sound rather than padding, 0 where it has none.
CLIP_COLUMNS = [
    *NAMES,
    *FACTS,
    *BOX_COLUMNS,
    *LANDMARK_COLUMNS,
    "face_share",
    "finder",
    "mel_frames",
    "row",
    "status",
    "reason",
]

# What `split` found: a row per source and split; one per clip that cannot be used; one per source of how many clips
# were made before curation, none where nobody counted.
CORPUS_COLUMNS = ["source", "role", "split", "clips", "ok", "missing", "error", "seconds", "fps", "size"]
COVERAGE_COLUMNS = ["clip", "source", "status", "reason"]
CURATION_COLUMNS = ["source", "made", "removed", "kept", "ratio_removed"]

# A row per file of the corpus, whoever put it there; revision: a commit of the release, or `mini-<seed>`, or `local`.
MANIFEST_COLUMNS = ("path", "bytes", "sha256", "revision")
RENDERED, LOCAL = "mini-", "local"  # how the revision of a rendered corpus begins; that of a user's own file

# What later tables name a clip by.
WITH_DRIVER = [name for name in NAMES if name != "path"]
WITHOUT_DRIVER = [name for name in WITH_DRIVER if name != "driver"]

# use: train | val | test | unused, as this fit sees the clip.
SPLIT_COLUMNS = [*WITH_DRIVER, "use"]

# A row per clip of the corpus, usable or listed and missing; splits.assignment tells which of them test a fit.
TESTED_COLUMNS = [*WITH_DRIVER, "status"]

# What evaluate needs to know of a clip stands beside its score, so score files alone rebuild every table.
SCORE_COLUMNS = [*WITHOUT_DRIVER, "use", "score", "status", "reason"]

# What a heat map lies on: a row a fit and clip; mass_ is the map's share there, area_ the picture's, fault_ the
# true artefacts'; pointed, the share of faulty frames whose hottest place is a fault (of a blob, of chance).
REGIONS = ("face", "mouth", "hair", "neck", "background")
CAM_COLUMNS = [
    "fit",
    *WITHOUT_DRIVER,
    "score",
    *(f"mass_{region}" for region in REGIONS),
    *(f"area_{region}" for region in REGIONS),
    "fault_mass",
    "fault_area",
    "pointed",
    "centre_pointed",
    "random_pointed",
]
# A row a clip shown, beside the arrays of panels.npz; and one a clip whose map was compared with random weights'.
PANEL_COLUMNS = [
    "chosen_by",
    "fit",
    "protocol",
    "generator",
    "rule",
    "clip",
    "source",
    "label",
    "score",
    "threshold",
    "called",
]
SANITY_COLUMNS = ["clip", "source", "label", "rank_correlation", "empty"]
# A clip's score if its units' outputs were pooled in this way.
POOLS = ("logit", "probability", "max", "median", "first")
POOL_COLUMNS = [*WITHOUT_DRIVER, "use", "status", *POOLS]

SHUFFLED_COLUMNS = [c for c in SCORE_COLUMNS if c != "score"]  # and a score for each drawing of labels


TEXT_COLUMNS = (  # ids stay text, and an empty word stays one
    *("clip", "source", "portrait", "driver", "video", "generator", "reason", "status", "resolvable"),
)


def shuffled_columns(draws: int) -> list[str]:
    """The scores of a label check, a column for each drawing of labels."""
    return [f"score_{draw}" for draw in range(1, draws + 1)]


def require(frame: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """The frame with exactly these columns in this order, or an error that names the first one off."""
    if missing := [c for c in columns if c not in frame.columns]:
        raise DataError(f"{name} lacks column {missing[0]!r}; it needs {', '.join(columns)}")
    return frame.loc[:, list(columns)]


def read_csv(path: Path, columns: Sequence[str], as_text: bool = False) -> pd.DataFrame:
    """A CSV that must exist and hold these columns; `as_text`: every value as it is written."""
    if not path.is_file():
        raise DataError(f"missing {path.name} in {path.parent}; run `dvc repro` to make it")
    text: list[Hashable] = [c for c in columns if as_text or c in TEXT_COLUMNS]
    content = path.read_bytes()
    if b"\0" in content:  # where pandas would end a value, and say nothing
        raise DataError(f"{path.parent.name}/{path.name} is not CSV: it holds a NUL byte")
    try:
        table = pd.read_csv(
            io.BytesIO(content),
            dtype=str if as_text else dict.fromkeys(text, str),
            keep_default_na=False,
            na_values={c: [""] for c in columns if c not in text},
        )
    except (ValueError, pd.errors.ParserError) as e:  # bad text, no columns, numbers that are none
        raise DataError(f"{path.parent.name}/{path.name} is not CSV: {' '.join(str(e).split())}") from e
    if twice := [c for c in columns if f"{c}.1" in table]:  # pandas' name of the second one
        raise DataError(f"{path.parent.name}/{path.name} has column {twice[0]!r} twice")
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first of too many values for an index
        raise DataError(f"{path.parent.name}/{path.name} is not CSV: its rows have more values than its head has names")
    return require(table, columns, f"{path.parent.name}/{path.name}")


def write_csv(frame: pd.DataFrame, path: Path, columns: Sequence[str], digits: int = 10) -> None:
    """Write whole or not at all; floats with so many significant digits, so that reruns are byte-identical."""
    frame = require(frame, columns, path.name)
    write_atomic(path, lambda part: frame.to_csv(part, index=False, float_format=f"%.{digits}g", lineterminator="\n"))


def write_rows(rows: Iterable[Sequence[object]], path: Path, columns: Sequence[str]) -> None:
    """The same of plain rows, every value as it is written."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    write_atomic(path, lambda part: part.write_bytes(text.getvalue().encode()))


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows as `write_rows` wrote them, all text; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        try:
            names, rows = tuple(reader.fieldnames or ()), list(reader)
        except (ValueError, csv.Error) as e:  # not UTF-8, or no CSV
            raise DataError(f"{path.parent.name}/{path.name} is not CSV: {' '.join(str(e).split())}") from e
    if names != tuple(columns):
        raise DataError(f"{path.name} has the columns {list(names)}; it needs {', '.join(columns)}")
    if odd := [row for row in rows if None in row or None in row.values()]:
        raise DataError(
            f"{path.parent.name}/{path.name} is cut, or was changed: {len(odd)} of {len(rows)} rows have "
            f"more or fewer values than {len(columns)}"
        )
    return rows


def write_json(value: Any, path: Path) -> None:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_atomic(path, lambda part: part.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"missing {path.name} in {path.parent}; run `dvc repro` to make it")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as e:
        raise DataError(f"{path.parent.name}/{path.name} is not JSON: {' '.join(str(e).split())}") from e


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary neighbour, then rename it: nobody ever sees half a file."""
    part = path.with_name(path.name + f".{os.getpid()}.part")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


# no space, no quota, a limit on a file's size; not allowed; a folder where a file should be, or the reverse
_NO_ROOM = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn 'disk full', 'not allowed' and the like into one clear line; leave every other OSError alone."""
    try:
        yield
    except OSError as e:
        if e.errno in _NO_ROOM:
            raise DiskError(f"cannot write {path}: {os.strerror(e.errno).lower()}") from e
        raise
