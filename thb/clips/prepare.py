"""prepare: one source's clips, decoded into a neutral store of frames, sound and one row a clip."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from thb.clips import clip, clip_store, faces
from thb.clips.clip import Prepared, Row
from thb.clips.journal import Journal
from thb.core import code, origin
from thb.core.errors import CoverageError, ParamsError, printable
from thb.core.folders import GrowingArray, pad_ragged, resuming
from thb.core.params import Net, Params, Store
from thb.core.paths import Paths
from thb.core.processes import cores, in_order
from thb.core.tables import CLIP_COLUMNS, ERROR, MISSING, OK, require, write_json
from thb.corpus import layout

BATCH = 16  # clips after which all is on the disk, and an interrupted run goes on
NAMED = 20  # unlisted files named in meta.json
FIRST_REASONS = 3
JOURNAL, SPOOL = "journal.jsonl", "mel.spool"  # in the folder of a run that is not finished


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


def run(paths: Paths, params: Params, source: str) -> None:
    """Prepare one source; damaged clips are counted, and too many of them stop the run."""
    if source in paths.shared:
        raise ParamsError(f"source {source!r} is read from the main corpus; prepare it without --variant")
    profile = params.active
    origin.check_raw(paths, params)
    faces.finder(profile.finder, paths, params.nets)  # one that is unknown, or has no weights, is refused at once
    listed = _listed(paths, params, source)
    unlisted = [printable(name) for name in layout.unlisted(paths, source, params.source(source))]
    jobs = [Job(row, paths, profile.finder, profile.store, params.nets) for row in listed]
    with resuming(paths.clips(source)) as part:
        pace = Pace(profile.workers or cores())
        table = _fill(part, jobs, profile.store, pace, source)
        _refuse_too_many(table, source, profile.max_failed_share)
        require(table, CLIP_COLUMNS, "clips.parquet").to_parquet(part / "clips.parquet", index=False)
        made = origin.record(
            origin.of_store(paths, params, source),
            part,
            clip_store.FILES,
            raw=clip_store.raw_digest(paths, params, source),
        )
        write_json(_meta(table, source, params, unlisted) | made, part / clip_store.META)
        for unfinished in (JOURNAL, SPOOL):
            (part / unfinished).unlink()
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


def _died(job: Job) -> Prepared:
    """What stands for a clip on which the decoder brings its process down."""
    return Prepared({**job.row, "status": ERROR, "reason": "the process that decodes it dies"})


# ---- all clips of a source --------------------------------------------------------------------------


class Pace:
    """How much was done in how long, not counting what an earlier run had done."""

    def __init__(self, workers: int) -> None:
        self.workers, self.began = workers, time.perf_counter()
        self.before = self.clips = self.frames = 0

    def count(self, new: list[Row]) -> None:
        self.clips += len(new)
        self.frames += sum(int(row.get("n_frames", 0)) for row in new)

    def __str__(self) -> str:
        seconds = time.perf_counter() - self.began
        earlier = f"; {self.before} were finished by an earlier run" if self.before else ""
        return f"{self.clips / seconds:.1f} clips, {self.frames / seconds:.0f} frames a second{earlier}"


def _fill(part: Path, jobs: list[Job], store: Store, pace: Pace, source: str) -> pd.DataFrame:
    """Write frames.npy, times.npy and mel.npy as clips come in; give back the table of all clips."""
    stamps = [_stamp(job) for job in jobs]
    journal = Journal(part / JOURNAL, _key(jobs))
    rows = journal.begin(stamps)
    pace.before = len(rows)
    with _Arrays(part, store, rows) as arrays:
        coming = iter(
            tqdm(
                in_order(prepare_clip, jobs[len(rows) :], pace.workers, _died),
                initial=len(rows),
                total=len(jobs),
                desc=f"prepare {source}",
                unit="clip",
            )
        )
        while new := [arrays.add(done) for done in islice(coming, BATCH)]:  # no clip's frames wait for the others'
            arrays.settle()
            journal.note(stamps[len(rows) : len(rows) + len(new)], new)
            rows += new
            pace.count(new)
    table = clip.table(rows)
    _write_mel(part, table)
    return table


class _Arrays:
    """frames.npy, times.npy and the mel frames one after another, after what the `rows` of an earlier run left."""

    def __init__(self, part: Path, store: Store, rows: list[Row]) -> None:
        used, side, kept = [row for row in rows if row["row"] >= 0], store.size, store.frames
        self.frames = GrowingArray(part / "frames.npy", (kept, side, side, 3), np.uint8, len(used))
        self.times = GrowingArray(part / "times.npy", (kept,), np.float32, len(used))
        self.mel = GrowingArray(part / SPOOL, (store.sound.mels,), np.float16, sum(r["mel_frames"] for r in used))

    def __enter__(self) -> _Arrays:
        with ExitStack() as stack:
            for array in (self.frames, self.times, self.mel):
                stack.enter_context(array)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)

    def add(self, done: Prepared) -> Row:
        """The clip's row, with its place in the arrays."""
        if done.frames is None:
            return {**done.row, "row": -1}
        place = self.frames.rows
        self.frames.append(done.frames[None])
        self.times.append(done.times[None])
        self.mel.append(done.mel)
        return {**done.row, "row": place}

    def settle(self) -> None:
        for array in (self.frames, self.times, self.mel):
            array.settle()


def _write_mel(part: Path, table: pd.DataFrame) -> None:
    """mel.npy of the spooled mel frames, a row a clip."""
    pad_ragged(part / SPOOL, table.loc[table["status"] == OK, "mel_frames"].to_numpy(), part / "mel.npy")


# ---- what an interrupted run may go on from ---------------------------------------------------------


def _key(jobs: list[Job]) -> str:
    """What every clip rests on: settings, code and the libraries that decode and look."""
    first = [(job.finder, job.store.model_dump(), [str(net) for net in job.nets.items()]) for job in jobs[:1]]
    versions = [av.__version__, av.library_versions, cv2.__version__, np.__version__]
    return _digest([first, code.digest(code.DOORS["prepare"]), *versions])


def _stamp(job: Job) -> str:
    """What one clip rests on: its name, and its files' sizes and times."""
    files = [job.file, layout.sound_file(job.paths, job.row), job.paths.truth / f"{job.row['clip']}.npz"]
    return _digest([job.row, [_state(file) for file in files]])


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
    failed, present = table[table["status"] == ERROR], int((table["status"] != MISSING).sum())
    if len(failed) > limit * present:
        first = "; ".join(f"{row.clip}: {row.reason}" for row in failed.head(FIRST_REASONS).itertuples())
        share = f"{len(failed)} of {present} clips failed, {len(failed) / present:.1%}"
        raise CoverageError(f"{source}: {share}; max_failed_share allows {limit:.1%}; first: {first}")


def _counts(table: pd.DataFrame) -> dict[str, int]:
    return {status: int((table["status"] == status).sum()) for status in (OK, MISSING, ERROR)}


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
    ok = table[table["status"] == OK]
    if len(silent := ok[ok["mel_frames"] == 0]):
        damaged = int(silent["reason"].str.contains(f"{clip.NO_SOUND}: ", regex=False).sum())
        why = f", in {damaged} of them as it is damaged" if damaged else ""
        print(f"{source}: {len(silent)} of the {len(ok)} clips that are ok have no usable sound{why}")
    if faceless := int((ok["face_share"] == 0).sum()):
        print(f"{source}: no face was found in {faceless} clips, which keep their whole frame")
    if unlisted:
        named = ", ".join(unlisted[:FIRST_REASONS]) + (", …" if len(unlisted) > FIRST_REASONS else "")
        print(f"{source}: {len(unlisted)} files are in no list and were not used: {named}")
