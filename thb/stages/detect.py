"""detect: a user's own videos, scored by trained detectors; a file that cannot be scored costs one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from thb import clip, faces
from thb.errors import DataError, ParamsError
from thb.judges import Judge, appoint
from thb.params import Params, Store
from thb.paths import Paths
from thb.pictures import measured
from thb.records import NO_AUDIO, OK, ClipStore, write_atomic, write_json
from thb.roster import soundless_marked

AT_ONCE = 16            # clips in memory
STRIP_FRAMES = 8        # at most, in a heat-map strip
SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv"}
SOURCE = "own"


@dataclass(frozen=True)
class Request:
    """What the user asks for."""

    videos: Sequence[Path]          # files, and folders to be searched
    detectors: Sequence[str]        # none: every network that has weights of the fit
    fit: str
    finder: str
    cam: Path | None                # a folder for heat-map strips
    json: str                       # a file, `-` for stdout, or empty


@dataclass
class Findings:
    """What came of it, file by file."""

    results: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)

    def skip(self, file: str, detector: str | None, reason: str) -> None:
        self.skipped.append({"file": file, "detector": detector, "reason": reason})
        tqdm.write(f"thb: {file}: {f'{detector}: ' if detector else ''}{reason}", file=sys.stderr)


def run(paths: Paths, params: Params, request: Request) -> None:
    """Score every video with every detector; print a table, and write JSON and strips where asked to."""
    find = faces.finder(request.finder, paths, params.nets)
    if request.cam and request.cam.exists() and not request.cam.is_dir():
        raise ParamsError(f"--cam {request.cam} is a file; name a folder")
    judges, found = appoint(paths, params, request.detectors, request.fit), Findings()
    files = list(dict.fromkeys(_files(request.videos, found)))
    for clips in _prepared(files, request.finder, find, params.active.store, found):
        _score(judges, _store(clips, params.active.store), params, request, _strip_names(files), found)
    place = {str(file): i for i, file in enumerate(files)}
    found.results.sort(key=lambda result: place[result["file"]])
    _tell(judges, params.metrics.first_fpr, request, found)
    if not found.results:
        first = found.skipped[0]
        raise DataError(f"nothing could be scored; first: {first['file']}: {first['reason']}")


# ---- which files ------------------------------------------------------------------------------------

def _files(named: Sequence[Path], found: Findings) -> Iterator[Path]:
    """Files as they are named, and every video below a named folder, in order."""
    for path in named:
        if not path.is_dir():
            yield path
            continue
        below = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        if not below:
            found.skip(str(path), None, f"no video below it (looked for {', '.join(sorted(SUFFIXES))})")
        yield from below


def _prepared(files: list[Path], finder: str, find: faces.FaceFinder, store: Store,
              found: Findings) -> Iterator[list[clip.Prepared]]:
    """Clips that can be scored, a few at a time; the others are named."""
    held: list[clip.Prepared] = []
    for file in tqdm(files, desc="detect", unit="clip", disable=None):
        row = {"clip": str(file), "source": SOURCE, "path": str(file), "status": OK, "reason": ""}
        done = clip.prepare(row, file, finder, find, store)
        if done.frames is None:
            found.skip(str(file), None, str(done.row["reason"]))
        elif not done.row["face_share"]:
            found.skip(str(file), None, f"no face found (finder {finder})")
        else:
            held.append(done)
        if len(held) == AT_ONCE:
            yield held
            held = []
    if held:
        yield held


def _store(clips: list[clip.Prepared], store: Store) -> ClipStore:
    """These clips in memory, as `prepare` would have put them on disk."""
    rows = clip.table([{**c.row, "row": i} for i, c in enumerate(clips)])
    mel = np.full((len(clips), max(1, rows["mel_frames"].max()), store.sound.mels), np.nan, np.float16)
    for padded, one in zip(mel, clips, strict=True):
        padded[:len(one.mel)] = one.mel
    return ClipStore(rows, {SOURCE: np.stack([c.frames for c in clips])},
                     {SOURCE: np.stack([c.times for c in clips])}, {SOURCE: mel},
                     store.sound.hop_seconds, store.windows, store.run)


# ---- scoring ----------------------------------------------------------------------------------------

def _score(judges: list[Judge], store: ClipStore, params: Params, request: Request, strips: dict[str, str],
           found: Findings) -> None:
    for judge in judges:
        rows = soundless_marked(store.rows, judge.model.hears)
        for silent in rows[rows["status"] == NO_AUDIO].itertuples():
            found.skip(silent.clip, judge.name, "no sound" if silent.reason == "it has no sound" else silent.reason)
        rows = rows[rows["status"] == OK]
        if not len(rows):
            continue
        feed = _feed(judge, store, rows, params)
        scores = _scores(judge, measured(store, rows, judge.model), feed)
        for place, (file, score) in enumerate(zip(rows["clip"], scores, strict=True)):
            cam = None
            if request.cam and feed:
                cam = request.cam / f"{strips[file]}--{judge.name}-{request.fit}.png"
                _draw(judge, feed, place, cam, file, f"{judge.name}/{request.fit}   score {score:.4f}")
            found.results.append({
                "file": file, "detector": judge.name, "score": float(score), "threshold": judge.threshold,
                "verdict": judge.verdict(score), "cam": str(cam) if cam else None})


def _feed(judge: Judge, store: ClipStore, rows: pd.DataFrame, params: Params) -> Any:
    """The clips as a network takes them; None for a detector that is no network."""
    if judge.model.reads != "frames":
        return None
    from thb import loop
    from thb.feed import Feed

    return Feed(store, rows, loop.prepare_torch(params.active.seed), judge.model)


def _scores(judge: Judge, rows: pd.DataFrame, feed: Any) -> np.ndarray:
    """float64 [n]."""
    if feed is None:
        scores = judge.model.score(rows)
    else:
        from thb import loop

        scores = loop.score(judge.model, feed).numpy()
    if len(bad := scores[~((scores >= 0) & (scores <= 1))]):
        raise DataError(f"{judge.name} gives the score {bad[0]}, which is no number in [0, 1]")
    return scores


# ---- heat maps --------------------------------------------------------------------------------------

def _draw(judge: Judge, feed: Any, place: int, path: Path, file: str, words: str) -> None:
    """One clip's first units, with the heat over each frame, as a PNG."""
    import torch

    from thb.detectors.base import spans
    from thb.heatmaps import heat
    from thb.report import heat_strip, style

    network = judge.model
    starts = spans(1, feed.windows, feed.run, network.length, network.config.test_units, None)
    clips = feed.take(torch.tensor([place]), starts[:, :max(1, STRIP_FRAMES // network.length)], network.length)
    hot = heat(network, clips)
    with style.look():
        figure = heat_strip.strip(*(np.concatenate(part) for part in (hot.pictures, hot.maps)),
                                  clips.times.flatten().cpu().numpy(), file, words)
    write_atomic(path, lambda part: style.save(figure, part, "png"))


def _strip_names(files: list[Path]) -> dict[str, str]:
    """A name a file, its own without the suffix; files of one name in several folders are numbered."""
    names, met = {}, dict.fromkeys((f.stem for f in files), 0)
    for file in files:
        met[file.stem] += 1
        names[str(file)] = file.stem + (f"-{met[file.stem]}" if met[file.stem] > 1 else "")
    return names


# ---- what is said -----------------------------------------------------------------------------------

def _tell(judges: list[Judge], fpr: float, request: Request, found: Findings) -> None:
    if request.json != "-" and found.results:
        print("\n".join(_table(judges, fpr, request.fit, found.results)))
    if not request.json:
        return
    told = {"fit": request.fit, "finder": request.finder, "fpr": fpr,
            "detectors": {j.name: {"threshold": j.threshold, "caveats": list(j.caveats)} for j in judges},
            "results": found.results, "skipped": found.skipped}
    if request.json == "-":
        print(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False))
    else:
        write_json(told, Path(request.json))


def _table(judges: list[Judge], fpr: float, fit: str, results: list[dict[str, Any]]) -> Iterator[str]:
    """Aligned columns; each verdict carries the numbers of its caveats, which follow below."""
    notes = list(dict.fromkeys(caveat for j in judges for caveat in j.caveats))
    marks = {j.name: ", ".join(str(notes.index(caveat) + 1) for caveat in j.caveats) for j in judges}
    head = ("file", "detector", "score", f"threshold at FPR {fpr:.0%}", "verdict")
    body = [(r["file"], f"{r['detector']}/{fit}", f"{r['score']:.4f}",
             "–" if r["threshold"] is None else f"{r['threshold']:.4f}",
             r["verdict"] + (f" [{marks[r['detector']]}]" if marks[r["detector"]] else "")) for r in results]
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    for line in (head, *body):
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    for number, note in enumerate(notes, 1):
        yield f"[{number}] {', '.join(j.name for j in judges if note in j.caveats)}: {note}"
