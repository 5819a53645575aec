"""prepare: one source's clips, decoded into a neutral store of frames, sound and one row a clip."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from thb import clip, faces
from thb.clip import Prepared, Row
from thb.errors import CoverageError, DataError, ParamsError
from thb.params import Params, Store
from thb.paths import Paths
from thb.records import CLIP_COLUMNS, ERROR, MISSING, OK, require, write_json
from thb.sources import layout
from thb.store import GrowingArray, building, pad_ragged

AHEAD = 4            # clips in flight per process: enough to keep all busy, few enough for constant memory
NAMED = 20           # unlisted files named in meta.json
FIRST_REASONS = 3


@dataclass(frozen=True)
class Job:
    """All that a process needs to prepare one clip."""

    row: Row
    paths: Paths
    finder: str
    store: Store


def run(paths: Paths, params: Params, source: str) -> None:
    """Prepare one source; damaged clips are counted, and too many of them stop the run."""
    if source in paths.shared:
        raise ParamsError(f"source {source!r} is read from the main corpus; prepare it without --variant")
    began = time.perf_counter()
    faces.finder(params.active.finder, paths)   # an unknown name is refused before any clip is opened
    listed = layout.list_clips(paths, source, params.source(source))
    unlisted = layout.unlisted(paths, source, params.source(source))
    with building(paths.clips(source)) as part:
        table = _fill(part, [Job(row, paths, params.active.finder, params.active.store) for row in listed],
                      params.active.store, params.active.workers, source)
        _refuse_too_many(table, source, params.active.max_failed_share)
        require(table, CLIP_COLUMNS, "clips.parquet").to_parquet(part / "clips.parquet", index=False)
        write_json(_meta(table, source, params, unlisted), part / "meta.json")
    _report(table, source, unlisted, time.perf_counter() - began)


# ---- one clip, in a process of its own --------------------------------------------------------------

def prepare_clip(job: Job) -> Prepared:
    """The clip as far as it can be used; one that is missing stays so."""
    if job.row["status"] != OK:
        return Prepared(job.row)
    return clip.prepare(job.row, job.paths.raw / str(job.row["path"]), job.finder,
                        faces.finder(job.finder, job.paths), job.store, layout.sound_file(job.paths, job.row))


# ---- all clips of a source --------------------------------------------------------------------------

def _fill(part: Path, jobs: list[Job], store: Store, workers: int, source: str) -> pd.DataFrame:
    """Write frames.npy, times.npy and mel.npy as clips come in; give back the table of all clips."""
    rows, spool = [], part / "mel.spool"
    side, kept = store.size, store.frames
    with (GrowingArray(part / "frames.npy", (kept, side, side, 3), np.uint8) as frames,
          GrowingArray(part / "times.npy", (kept,), np.float32) as times,
          GrowingArray(spool, (store.sound.mels,), np.float16) as mel):
        for done in tqdm(_prepared(jobs, workers), total=len(jobs), desc=f"prepare {source}", unit="clip"):
            rows.append({**done.row, "row": frames.rows if done.frames is not None else -1})
            if done.frames is not None:
                frames.append(done.frames[None])
                times.append(done.times[None])
                mel.append(done.mel)
    table = clip.table(rows)
    lengths = table.loc[table["status"] == OK, "mel_frames"].to_numpy()
    pad_ragged(np.load(spool, mmap_mode="r" if lengths.any() else None), lengths, part / "mel.npy")
    spool.unlink()
    return table


def _prepared(jobs: list[Job], workers: int) -> Iterator[Prepared]:
    """Clips in the order of the list, however the processes finish."""
    workers = min(workers or os.cpu_count() or 1, max(1, len(jobs)))
    waiting: deque = deque()
    with ProcessPoolExecutor(workers, initializer=_enter_process) as pool:
        try:
            for job in jobs:
                waiting.append((job, pool.submit(prepare_clip, job)))
                if len(waiting) > AHEAD * workers:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _result(job: Job, future) -> Prepared:
    try:
        return future.result()
    except BrokenProcessPool as e:
        raise DataError(f"a process died while decoding {job.row['path']} or its neighbours") from e


def _enter_process() -> None:
    """Ctrl-C is the parent's to handle, and a process whose parent was killed goes too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent := parent_process():
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


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
    return {"source": source, **params.active.store.model_dump(), "finder": params.active.finder,
            "hop_seconds": params.active.store.sound.hop_seconds, "clips": _counts(table),
            "unlisted": {"count": len(unlisted), "first": unlisted[:NAMED]}}


def _report(table: pd.DataFrame, source: str, unlisted: list[str], seconds: float) -> None:
    counts = _counts(table)
    print(f"{source}: {len(table)} clips, {len(table) / seconds:.1f} a second: "
          f"{counts[OK]} ok, {counts[ERROR]} failed, {counts[MISSING]} missing")
    if unlisted:
        named = ", ".join(unlisted[:FIRST_REASONS]) + (", …" if len(unlisted) > FIRST_REASONS else "")
        print(f"{source}: {len(unlisted)} files are in no list and were not used: {named}")
