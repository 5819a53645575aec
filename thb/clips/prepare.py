"""prepare: one source's clips, decoded into a neutral store of frames, sound and one row a clip."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from thb.clips import clip, clip_store, faces
from thb.clips.clip import Prepared, Row
from thb.core import code, origin
from thb.core.errors import CoverageError, ParamsError, printable
from thb.core.folders import LOCK, building, scratch
from thb.core.params import Net, Params, Store
from thb.core.paths import Paths
from thb.core.processes import cores, in_order
from thb.core.tables import CLIP_COLUMNS, ERROR, MISSING, OK, require, write_json
from thb.corpus import layout

NAMED = 20  # unlisted files named in meta.json
FIRST_REASONS = 3


@dataclass(frozen=True)
class Job:
    """All that a process needs to prepare one clip."""

    row: Row
    paths: Paths
    finder: str
    store: Store
    nets: Mapping[str, Net]

    @property
    def file(self) -> Path:
        return self.paths.clip_file(str(self.row["path"]))

    @property
    def reads(self) -> list[Path]:
        """Every file that the clip may come from; not all have to be there."""
        truth = self.paths.truth / f"{self.row['clip']}.npz"
        return [self.file, layout.sound_file(self.paths, self.row), truth]


def run(paths: Paths, params: Params, source: str) -> None:
    """Prepare one source; damaged clips are counted, and too many of them stop the run.

    Each clip is written as a file of its own; a run that was broken off goes on with the clips that have none.
    """
    if source in paths.shared:
        raise ParamsError(f"source {source!r} is read from the main corpus; prepare it without --variant")
    profile = params.active
    origin.check_raw(paths, params)
    faces.finder(profile.finder, paths, params.nets)  # one that is unknown, or has no weights, is refused at once
    listed = _listed(paths, params, source)
    unlisted = [printable(name) for name in layout.unlisted(paths, source, params.source(source))]
    jobs = [Job(row, paths, profile.finder, profile.store, params.nets) for row in listed]
    with scratch(paths.clips(source)) as kept:
        pace = Pace(profile.workers or cores())
        files = [kept / f"{stamp}.npz" for stamp in _stamps(jobs)]
        for stale in {*kept.iterdir()} - {kept / LOCK, *files}:  # of other settings, or half a file of a killed run
            stale.unlink()
        table = clip.table(_each_clip(jobs, files, pace, source))
        ok = table["status"] == OK
        table["row"] = np.where(ok, ok.cumsum() - 1, -1)
        _refuse_too_many(table, source, profile.max_failed_share)
        with building(paths.clips(source)) as part:
            _write_arrays(part, files, table, profile.store)
            require(table, CLIP_COLUMNS, "clips.parquet").to_parquet(part / "clips.parquet", index=False)
            made = origin.record(
                origin.of_store(paths, params, source),
                part,
                clip_store.FILES,
                raw=clip_store.raw_digest(paths, params, source),
            )
            write_json(_meta(table, source, params, unlisted) | made, part / clip_store.META)
    _report(table, source, unlisted, pace)
    if table.empty and (why := layout.without_clips(paths, params.source(source))):
        print(f"{source}: {why}; its store is empty, and what needs its clips is left out")


def _listed(paths: Paths, params: Params, source: str) -> list[Row]:
    """Every clip that there should be: none of a generator that a user's part of the release lacks altogether."""
    known = params.source(source)
    if params.active.corpus == "hub" and layout.without_clips(paths, known):
        return []
    return layout.list_clips(paths, source, known)


# ---- one clip, in a process of its own --------------------------------------------------------------


def prepare_clip(job: Job) -> Prepared:
    """The clip as far as it can be used; one that is missing stays so."""
    if job.row["status"] != OK:
        return Prepared(job.row)
    return clip.prepare(
        job.row,
        job.file,
        job.finder,
        faces.finder(job.finder, job.paths, job.nets),
        job.store,
        layout.sound_file(job.paths, job.row),
    )


def _prepare_and_keep(task: tuple[Job, Path]) -> Row:
    job, file = task
    return clip.keep(prepare_clip(job), file)


def _died(task: tuple[Job, Path]) -> Row:
    """What stands for a clip on which the decoder brings its process down."""
    job, file = task
    return clip.keep(Prepared({**job.row, "status": ERROR, "reason": "the process that decodes it dies"}), file)


# ---- all clips of a source --------------------------------------------------------------------------


class Pace:
    """How much was done in how long, not counting what an earlier run had done."""

    def __init__(self, workers: int) -> None:
        self.workers, self.began = workers, time.perf_counter()
        self.before = self.clips = self.frames = 0

    def count(self, row: Row) -> None:
        self.clips += 1
        frames = row.get("n_frames")
        self.frames += frames if isinstance(frames, int) else 0

    def __str__(self) -> str:
        seconds = time.perf_counter() - self.began
        earlier = f"; {self.before} were finished by an earlier run" if self.before else ""
        return f"{self.clips / seconds:.1f} clips, {self.frames / seconds:.0f} frames a second{earlier}"


def _each_clip(jobs: list[Job], files: list[Path], pace: Pace, source: str) -> list[Row]:
    """The rows of all clips, each of which has its file then; one that is there already is not prepared again."""
    rows = {file: row for file in files if (row := clip.kept_row(file))}
    todo = [(job, file) for job, file in zip(jobs, files, strict=True) if file not in rows]
    pace.before = len(rows)
    coming = in_order(_prepare_and_keep, todo, pace.workers, _died)
    bar = tqdm(coming, initial=len(rows), total=len(jobs), desc=f"prepare {source}", unit="clip")
    for (_, file), row in zip(todo, bar, strict=True):
        rows[file] = row
        pace.count(row)
    return [rows[file] for file in files]


def _write_arrays(part: Path, files: list[Path], table: pd.DataFrame, store: Store) -> None:
    """The store's arrays, a row a clip that is ok; no more than one clip is in memory."""
    ok = table["status"] == OK
    usable = [file for file, good in zip(files, ok, strict=True) if good]
    longest = max(1, int(table.loc[ok, "mel_frames"].max())) if usable else 1
    shapes = {
        "frames": (np.uint8, (store.frames, store.size, store.size, 3)),
        "faces": (np.uint8, (store.frames, store.face.size, store.face.size, 3)),
        "places": (np.float32, (store.frames, clip_store.PLACES, 2)),
        "times": (np.float32, (store.frames,)),
        "mel": (np.float16, (longest, store.sound.mels)),
    }
    for name, (kind, shape) in shapes.items():
        with (part / f"{name}.npy").open("wb") as out:
            header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": (len(usable), *shape)}
            np.lib.format.write_array_header_1_0(out, header)
            for file in usable:
                row, found = np.full(shape, np.nan if name == "mel" else 0, kind), clip.kept(file, name)
                row[: len(found)] = found  # sound that ends early is followed by NaN, which is no quiet sound
                out.write(row.data)


# ---- what an interrupted run may go on from ---------------------------------------------------------


def _stamps(jobs: list[Job]) -> list[str]:
    """Of each clip what it rests on: settings, code, the libraries that decode and look, its row and its files."""
    settings = [(job.finder, job.store.model_dump(), [str(net) for net in job.nets.items()]) for job in jobs[:1]]
    versions = [av.__version__, av.library_versions, cv2.__version__, np.__version__]
    shared = _digest([settings, code.digest(code.DOORS["prepare"]), *versions])
    return [_digest([shared, job.row, [_state(file) for file in job.reads]]) for job in jobs]


def _state(file: Path) -> list[int]:
    try:
        about = file.stat()
    except (OSError, ValueError):  # absent, or of a name that no file can have
        return []
    return [about.st_size, about.st_mtime_ns]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


# ---- what is said of it -----------------------------------------------------------------------------


def _refuse_too_many(table: pd.DataFrame, source: str, limit: float) -> None:
    """Clips that are there but cannot be used; an absent one is for `split` to judge."""
    failed, present = table.loc[table["status"] == ERROR], len(table.loc[table["status"] != MISSING])
    if len(failed) > limit * present:
        reasons = failed.head(FIRST_REASONS)[["clip", "reason"]].itertuples(index=False)
        first = "; ".join(f"{name}: {reason}" for name, reason in reasons)
        share = f"{len(failed)} of {present} clips failed, {len(failed) / present:.1%}"
        raise CoverageError(f"{source}: {share}; max_failed_share allows {limit:.1%}; first: {first}")


def _counts(table: pd.DataFrame) -> dict[str, int]:
    return {status: len(table.loc[table["status"] == status]) for status in (OK, MISSING, ERROR)}


def _meta(table: pd.DataFrame, source: str, params: Params, unlisted: list[str]) -> dict[str, object]:
    """What a reader of the arrays must know, and which files were passed over."""
    return {
        "source": source,
        **params.active.store.model_dump(),
        "finder": params.active.finder,
        "hop_seconds": params.active.store.sound.hop_seconds,
        "clips": _counts(table),
        "unlisted": {"count": len(unlisted), "first": unlisted[:NAMED]},
    }


def _report(table: pd.DataFrame, source: str, unlisted: list[str], pace: Pace) -> None:
    counts = _counts(table)
    print(
        f"{source}: {len(table)} clips, {pace} on {pace.workers} cores: "
        f"{counts[OK]} ok, {counts[ERROR]} failed, {counts[MISSING]} missing"
    )
    ok = table.loc[table["status"] == OK]
    if len(silent := ok.loc[ok["mel_frames"] == 0]):
        damaged = int(silent["reason"].str.contains(f"{clip.NO_SOUND}: ", regex=False).sum())
        why = f", in {damaged} of them as it is damaged" if damaged else ""
        print(f"{source}: {len(silent)} of the {len(ok)} clips that are ok have no usable sound{why}")
    if faceless := len(ok.loc[ok["face_share"] == 0]):
        print(f"{source}: no face was found in {faceless} clips, which keep their whole frame")
    if unlisted:
        named = ", ".join(unlisted[:FIRST_REASONS]) + (", …" if len(unlisted) > FIRST_REASONS else "")
        print(f"{source}: {len(unlisted)} files are in no list and were not used: {named}")
