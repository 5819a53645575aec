"""detect: a user's own videos, scored by trained detectors; a file that cannot be scored costs one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from thb.clips import clip, faces
from thb.clips.clip_store import ARRAYS, ClipStore
from thb.core.errors import DataError, ThbError, printable
from thb.core.params import Params, Store
from thb.core.paths import Paths
from thb.core.tables import OK, write_atomic
from thb.detect import own_videos
from thb.detect.told import Findings, Request, as_skipped, say, tell
from thb.detect.verdicts import Judge, appoint
from thb.fits.picture_measures import measured
from thb.splits.clips_of_fit import soundless_marked

STRIP_FRAMES = 8  # at most, in a heat-map strip
SOURCE = "own"
SEED = 0  # any: scoring samples nothing


def run(paths: Paths, params: Params, request: Request) -> None:
    """Score every video with every detector; print a table, and write JSON and strips where asked to.

    Each clip is scored as soon as it is read, and what was found is told whatever ends the run.
    """
    found = Findings()
    judges = appoint(paths, request.detectors, request.fit, request.finder, params.metrics)
    finders = {judge.finder: faces.finder(judge.finder, paths, params.nets) for judge in judges}
    files = own_videos.listed(request.videos, found.skip)
    if len(files) > 1 or len(request.videos) > 1:  # what keeps a lone one from being scored is the error itself
        found.tell()
    own_videos.check_targets(request.cam, request.json, files)
    ends = {judge.name: f"--{judge.name}-{request.fit}.png" for judge in judges}
    names = own_videos.strip_names(files, max(ends.values(), key=len))
    try:
        for file in tqdm(files, desc="detect", unit="clip", disable=None):
            strips = {name: request.cam / (names[file] + end) for name, end in ends.items()} if request.cam else {}
            _examine(file, judges, finders, request.fit, strips, found)
        found.finished = True
    finally:
        if found.results:
            found.tell()
        tell(judges, request, found)
    if not found.results:
        raise DataError("nothing could be scored" if found.told else "; ".join(map(as_skipped, found.skipped)))


# ---- one clip ---------------------------------------------------------------------------------------


def _examine(
    file: Path,
    judges: list[Judge],
    finders: Mapping[str, faces.FaceFinder],
    fit: str,
    strips: Mapping[str, Path],
    found: Findings,
) -> None:
    """Read a clip once for all judges that read it alike, and score it."""
    readings: dict[str, list[Judge]] = {}
    for judge in judges:
        readings.setdefault(repr((judge.store, judge.finder)), []).append(judge)
    for panel in readings.values():
        store, finder = panel[0].store, panel[0].finder
        row: clip.Row = {"clip": str(file), "source": SOURCE, "path": str(file), "status": OK, "reason": ""}
        done = clip.prepare(row, file, finder, finders[finder], store)
        try:
            held = in_memory(done, store)
        except DataError as e:
            return found.skip(file, str(e))
        if not done.row["face_share"]:
            names = [None] if len(readings) == 1 else [judge.name for judge in panel]
            for name in names:
                found.skip(file, f"no face found (finder {finder})", name)
            continue
        for judge in panel:
            try:
                _score(judge, held, file, fit, strips.get(judge.name), _which(done.found), found)
            except ThbError as e:
                found.skip(file, str(e), judge.name)


def _score(
    judge: Judge, store: ClipStore, file: Path, fit: str, strip: Path | None, remark: str, found: Findings
) -> None:
    """One judge's score of a clip, and its heat map if that is asked for."""
    if why := unusable(judge, store):
        return found.skip(file, why, judge.name)
    feed = feed_of(judge, store)
    score = scored(judge, store, feed)
    result = {
        "file": str(file),
        "detector": judge.name,
        "score": score,
        "threshold": judge.bar,
        "finder": judge.finder,
        "verdict": judge.verdict(score),
        "holds_for": judge.holds_for,
        "remark": remark,
        "cam": None,
    }
    found.results.append(result)
    if strip and feed:
        try:
            draw(judge, feed, strip, file, f"{judge.name}/{fit}   score {score:.4f}")
            result["cam"] = str(strip)
        except ThbError as e:
            say(f"{printable(file)}: {judge.name}: no heat map: {printable(str(e))}")


def unusable(judge: Judge, store: ClipStore) -> str:
    """Why this detector cannot score the clip; '' if it can."""
    row = soundless_marked(store.rows, judge.model.hears).iloc[0]
    if row["status"] != OK:
        return "no sound" if row["reason"] == "it has no sound" else row["reason"]
    if (n := row["n_frames"]) < judge.frames_needed:
        frames = f"{n} {'frame' if n == 1 else 'frames'}"
        return f"it has {frames}, and one unit of {judge.name} needs {judge.frames_needed}"
    return ""


def in_memory(done: clip.Prepared, store: Store) -> ClipStore:
    """This clip in memory, as `prepare` would have put it on disk; DataError says why it cannot be used."""
    arrays = {name: array for name in ARRAYS if (array := getattr(done, name)) is not None}
    if len(arrays) < len(ARRAYS):
        raise DataError(str(done.row["reason"]))
    if not len(arrays["mel"]):
        arrays["mel"] = np.full((1, store.sound.mels), np.nan, np.float16)
    return ClipStore(
        clip.table([{**done.row, "row": 0}]),
        **{name: {SOURCE: array[None]} for name, array in arrays.items()},
        mel_hop=store.sound.hop_seconds,
        windows=store.windows,
        run=store.run,
        test_windows=store.test_windows,
    )


def feed_of(judge: Judge, store: ClipStore) -> Any:
    """The clip as a network takes it; None for a detector that is no network."""
    if judge.model.reads != "frames":
        return None
    from thb.fits import loop
    from thb.fits.feed import Feed

    return Feed(store, store.rows, loop.prepare_torch(SEED), judge.model)


def scored(judge: Judge, store: ClipStore, feed: Any) -> float:
    """A probability, or an error."""
    if feed is None:
        (score,) = judge.model.score(measured(store, store.rows, judge.model))
    else:
        from thb.fits import loop

        (score,) = loop.score(judge.model, feed).numpy()
    if not 0 <= score <= 1:
        raise DataError(f"it gives the score {score}, which is no number in [0, 1]")
    return float(score)


def _which(face: faces.Faces | None) -> str:
    """Which of several faces is scored; '' where there is one."""
    if face is None or not face.others:
        return ""
    middle = (face.box[0] + face.box[2]) / 2
    where = "on the left" if middle < 0.4 else "on the right" if middle > 0.6 else "in the middle"
    return f"{1 + face.others} faces stay in it, and one is scored: the largest one, {where}"


# ---- heat maps --------------------------------------------------------------------------------------


def draw(judge: Judge, feed: Any, path: Path, file: Path, words: str) -> None:
    """The clip's first units, with the heat over each frame, as a PNG."""
    import torch

    from thb.cams.grad_cam import heat
    from thb.detectors.base import spans
    from thb.report import figure, heat_page, saving

    network = judge.model
    starts = spans(1, feed.windows, feed.run, network.length, network.config.test_units, None, feed.tested)
    clips = feed.take(torch.tensor([0]), starts[:, : max(1, STRIP_FRAMES // network.length)], network.length)
    hot = heat(network, clips)
    pictures, maps = np.concatenate(hot.pictures), np.concatenate(hot.maps)
    with figure.look():
        strip = heat_page.strip(pictures, maps, clips.times.flatten().cpu().numpy(), str(file), words)
    write_atomic(path, lambda part: part.write_bytes(saving.as_bytes(strip, "png")))
