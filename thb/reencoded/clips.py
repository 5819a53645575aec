"""reencode: the chosen test clips encoded again under one condition and prepared as all others, in their own store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from thb.clips import clip, faces
from thb.clips.clip import Prepared, Row
from thb.clips.clip_store import ARRAYS, FILES, META, TABLE
from thb.clips.media import DAMAGE, plain
from thb.core import origin
from thb.core.errors import CoverageError, DataError
from thb.core.folders import LOCK, building, scratch
from thb.core.params import Net, Params, Store
from thb.core.paths import Paths
from thb.core.processes import in_order
from thb.core.tables import CLIP_COLUMNS, ERROR, NAMES, OK, require, write_json
from thb.corpus import layout
from thb.reencoded import conditions, store
from thb.reencoded.conditions import Condition
from thb.reencoded.encode import Moved, encode


@dataclass(frozen=True)
class Job:
    """All that a process needs to encode one clip again and to prepare it."""

    row: Row
    paths: Paths
    condition: Condition
    finder: str
    kept_as: Store
    nets: Mapping[str, Net]
    kept: Path  # where the prepared clip is kept


def run(paths: Paths, params: Params, name: str) -> None:
    """Make one condition's store; raises CoverageError if more clips fail than `max_failed_share` allows.

    A store that is as it should be is left, and a run that was broken off goes on with the clips that it lacks.
    """
    settings = conditions.load(paths, params)
    condition, folder = settings.condition(name), store.place(paths, name)
    rows = store.chosen(paths, params, settings)
    wanted = store.made_by(params, condition, rows, paths)
    if store.is_whole(paths, wanted, folder):
        return print(f"{name}: its {len(rows)} clips are there")
    origin.check_raw(paths, params)
    faces.finder(params.active.finder, paths, params.nets)  # one without weights is refused at once
    with scratch(folder) as kept:
        stamp = origin.digest([vars(wanted), av.__version__, cv2.__version__, np.__version__])
        jobs = [
            Job(_named(row), paths, condition, params.active.finder, params.active.store, params.nets, kept / file)
            for i, row in enumerate(rows.to_dict("records"))
            if (file := f"{stamp}-{i}.npz")
        ]
        for stale in {*kept.iterdir()} - {kept / LOCK, *(job.kept for job in jobs)}:
            stale.unlink()
        table = clip.table(_each(jobs, params.active.workers, name))
        ok = table["status"] == OK
        table["row"] = np.where(ok, ok.cumsum() - 1, -1)
        _refuse_too_many(table, name, params.active.max_failed_share)
        with building(folder) as part:
            _write_arrays(part, [job.kept for job, good in zip(jobs, ok, strict=True) if good])
            require(table, CLIP_COLUMNS, TABLE).to_parquet(part / TABLE, index=False)
            write_json(origin.record(wanted, part, FILES, condition=condition.model_dump()), part / META)
    faceless = int((table.loc[ok, "face_share"] == 0).sum())
    print(f"{name}: {len(table)} clips, {len(table) - ok.sum()} failed; no face was found in {faceless}")


# ---- one clip, in a process of its own --------------------------------------------------------------


@dataclass(frozen=True)
class MovedFinder:
    """What is known of the faces of the clip itself, moved along with the picture."""

    known: faces.FaceFinder
    moved: Moved

    def find(self, clip: Mapping[str, object], frames: np.ndarray, kept: np.ndarray) -> faces.Faces:
        found = self.known.find(clip, frames, self.moved.frames[kept])
        corners = self.moved.points(found.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).clip(0, 1)
        return replace(found, boxes=boxes, landmarks=self.moved.points(found.landmarks))


def make(job: Job) -> Row:
    """Encode a clip again, prepare it, and keep it; one that cannot be used has its reason."""
    again = job.kept.with_suffix(".mp4")
    find = faces.finder(job.finder, job.paths, job.nets)
    try:
        moved = encode(job.paths.clip_file(str(job.row["path"])), again, job.condition, str(job.row["clip"]))
        find = find if job.finder in faces.ON_PIXELS else MovedFinder(find, moved)
        done = clip.prepare(job.row, again, job.finder, find, job.kept_as, layout.sound_file(job.paths, job.row))
    except (DataError, *DAMAGE) as e:
        why = str(e) if isinstance(e, DataError) else plain(e)
        done = Prepared({**job.row, "status": ERROR, "reason": why})
    finally:
        again.unlink(missing_ok=True)
    return clip.keep(done, job.kept)


def _died(job: Job) -> Row:
    """What stands for a clip on which a process dies."""
    return clip.keep(Prepared({**job.row, "status": ERROR, "reason": "the process that encodes it dies"}), job.kept)


# ---- all clips --------------------------------------------------------------------------------------


def _named(row: Mapping) -> Row:
    return {**{name: row[name] for name in NAMES}, "status": OK, "reason": ""}


def _each(jobs: list[Job], workers: int, name: str) -> list[Row]:
    """The rows of all clips, each kept then; one that is kept already is not made again."""
    rows = {job.kept: row for job in jobs if (row := clip.kept_row(job.kept))}
    todo = [job for job in jobs if job.kept not in rows]
    bar = tqdm(
        in_order(make, todo, workers, _died), initial=len(rows), total=len(jobs), desc=f"reencode {name}", unit="clip"
    )
    for job, row in zip(todo, bar, strict=True):
        rows[job.kept] = row
    return [rows[job.kept] for job in jobs]


def _refuse_too_many(table: pd.DataFrame, name: str, limit: float) -> None:
    failed = table.loc[table["status"] == ERROR]
    if len(failed) > limit * len(table):
        first = failed.iloc[0]
        raise CoverageError(
            f"{name}: {len(failed)} of {len(table)} clips failed; max_failed_share allows {limit:.1%}; "
            f"first: {first['clip']}: {first['reason']}"
        )


def _write_arrays(part: Path, files: list[Path]) -> None:
    """The store's arrays, a row a clip, of which one is in memory; sound that ends early is followed by NaN."""
    for name in ARRAYS:
        first = clip.kept(files[0], name)
        longest = max(1, *(len(clip.kept(file, name)) for file in files)) if name == "mel" else len(first)
        held = np.lib.format.open_memmap(
            part / f"{name}.npy", "w+", first.dtype, (len(files), longest, *first.shape[1:])
        )
        for place, file in enumerate(files):
            found = clip.kept(file, name)
            held[place, : len(found)] = found
            held[place, len(found) :] = np.nan if name == "mel" else 0
        held.flush()
