"""The two face finders that work on any video, Haar's cascades and YuNet, on the same frames: what is found, how fast.

    THB_YUNET=yunet.onnx python benchmarks/faces_compared.py FOLDER --sha256 HASH     # real clips, e.g. $THB_SAMPLES

Writes benchmarks/faces.md, and benchmarks/faces.csv with the same figures, which the book's page on data shows. HASH
is needed where the file is another than the one that `nets.yunet.sha256` of params.yaml names. Frames are those that
`prepare` looks at under profile paper's store; times are of this one process, on one core, both finders in turn at
every clip.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd

from thb.clips import clip, faces, video
from thb.clips.faces.track import looked_at
from thb.clips.sampling import kept_frames
from thb.core import model_files
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root
from thb.core.tables import OK, write_atomic, write_csv
from thb.rendered.fakes.strengths import CALIBRATION_SEEDS
from thb.rendered.heads.motion import draw_motion
from thb.rendered.heads.portraits import draw_portrait
from thb.rendered.heads.renderer import render

NAMES = ("haar", "yunet")
HEADS, FRAMES, SIDE = 40, 8, 256  # rendered heads of each seed, their frames, and these frames' side
TURN, SHRINK, DARKEN = 30, 3, 5  # degrees; times smaller, in a grey frame; times darker


@dataclass(frozen=True)
class Look:
    """What one finder made of one clip."""

    face: faces.Faces
    seen: np.ndarray  # bool [frames looked at]


Found = Mapping[str, list[Look]]  # finder -> a look a clip


def main() -> None:
    wanted = _arguments()
    params = load(find_root() / "params.yaml")
    if wanted.sha256:
        net = params.nets["yunet"].model_copy(update={"sha256": wanted.sha256})
        params = params.model_copy(update={"nets": {**params.nets, "yunet": net}})
    finders = {name: faces.finder(name, Paths(Path()), params.nets) for name in NAMES}
    files = sorted(wanted.folder.rglob("*.mp4"))
    table = pd.DataFrame([*real(params, finders, files, wanted.rounds), *rendered(finders)], columns=["what", *NAMES])
    home = find_root() / "benchmarks"
    write_csv(table, home / "faces.csv", ["what", *NAMES])
    text = page(table, len(files), model_files.weights("yunet", params.nets).name, wanted.rounds)
    write_atomic(home / "faces.md", lambda part: part.write_text(text, encoding="utf-8"))
    print(text)


# ---- real clips -------------------------------------------------------------------------------------


def real(
    params: Params, finders: Mapping[str, faces.FaceFinder], files: Sequence[Path], rounds: int
) -> list[list[str]]:
    """Rows of the table: what is found as the clips are, and when they are made harder; agreement; pace."""
    store = params.profiles["paper"].store
    choose = partial(kept_frames, windows=store.windows, run=store.run)
    shown = [_looked_at(video.read(file, choose, store.size).frames) for file in files]
    changes = {
        "": lambda frames: frames,
        f", turned by {TURN}°": turned,
        f", {SHRINK} times smaller in a grey frame": shrunk,
        f", {DARKEN} times darker": darkened,
    }
    looks = {words: look(finders, [change(frames) for frames in shown]) for words, change in changes.items()}
    plain = looks[""]
    overlaps = [
        faces.overlap(a.face.box, b.face.box[None])[0]
        for a, b in zip(*plain.values(), strict=True)
        if a.face.share and b.face.share
    ]
    agreed = f"{np.median(overlaps):.2f}; {min(overlaps):.2f}"
    return [
        ["clips with a face", *(f"{sum(one.face.share > 0 for one in plain[n])} of {len(files)}" for n in NAMES)],
        *(
            ["frames in which it is found" + words, *(_frames(found[n]) for n in NAMES)]
            for words, found in looks.items()
        ),
        [
            "clips in which another face is said to stay",
            *(str(sum(one.face.others > 0 for one in plain[n])) for n in NAMES),
        ],
        ["overlap (IoU) of its box with the other finder's, median; least", agreed, agreed],
        *pace(params, finders, files, shown, rounds),
    ]


def _looked_at(frames: np.ndarray) -> np.ndarray:
    """As many frames of a clip as Haar's finder looks at, for both."""
    return frames[looked_at(len(frames))]


def look(finders: Mapping[str, faces.FaceFinder], shown: Sequence[np.ndarray]) -> Found:
    """Every finder on every clip's frames, uint8 [n, H, W, 3]."""

    def one(finder: faces.FaceFinder, frames: np.ndarray) -> Look:
        track, seen = finder.seen(frames)[0], np.zeros(len(frames), bool)
        seen[: len(track)] = np.isfinite(track[:, 0])
        return Look(finder.find({}, frames, np.arange(len(frames))), seen)

    return {name: [one(finder, frames) for frames in shown] for name, finder in finders.items()}


def _frames(looks: Sequence[Look]) -> str:
    seen = np.concatenate([one.seen for one in looks])
    return f"{seen.sum()} of {len(seen)}"


def turned(frames: np.ndarray) -> np.ndarray:
    height, width = frames.shape[1:3]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), TURN, 1)
    return np.stack([cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REPLICATE) for frame in frames])


def shrunk(frames: np.ndarray) -> np.ndarray:
    small = np.full_like(frames, 128)
    height, width = (length // SHRINK for length in frames.shape[1:3])
    for big, frame in zip(small, frames, strict=True):
        big[height : 2 * height, width : 2 * width] = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    return small


def darkened(frames: np.ndarray) -> np.ndarray:
    return frames // DARKEN


def pace(
    params: Params,
    finders: Mapping[str, faces.FaceFinder],
    files: Sequence[Path],
    shown: Sequence[np.ndarray],
    rounds: int,
) -> list[list[str]]:
    """Processor time of looking alone, and of all that `prepare` does with a clip: medians of the rounds."""
    store = params.profiles["paper"].store

    def whole(name: str, file: Path) -> None:
        done = clip.prepare({"clip": file.stem, "status": OK, "reason": ""}, file, name, finders[name], store)
        if done.row["status"] != OK:
            raise SystemExit(f"{file.name}: {done.row['reason']}")

    looking = measured(lambda name, frames: finders[name].seen(frames), shown, rounds)
    preparing = measured(whole, files, rounds)
    frames = sum(map(len, shown))
    return [
        ["milliseconds a frame that is looked at", *(f"{1000 * looking[n] / frames:.1f}" for n in NAMES)],
        ["clips a second, all of prepare", *(f"{len(files) / preparing[n]:.2f}" for n in NAMES)],
    ]


def measured(act: Callable[[str, object], object], on: Sequence[object], rounds: int) -> dict[str, float]:
    """Seconds a round over everything; both finders have their turn at each thing before the next."""
    seconds = {name: [0.0] * rounds for name in NAMES}
    for turn in range(rounds):
        for thing in on:
            for name in NAMES:
                began = time.process_time()
                act(name, thing)
                seconds[name][turn] += time.process_time() - began
    return {name: float(np.median(spent)) for name, spent in seconds.items()}


# ---- rendered heads, whose faces are known ----------------------------------------------------------


def rendered(finders: Mapping[str, faces.FaceFinder]) -> list[list[str]]:
    """Rows of the table: how near the finders come to what the renderer knows."""
    drawn = [_head(np.random.default_rng((seed, i))) for seed in CALIBRATION_SEEDS for i in range(HEADS)]
    found = look(finders, [frames for frames, _ in drawn])
    both = {
        name: [(one.face, truth) for one, (_, truth) in zip(looks, drawn, strict=True) if one.face.share]
        for name, looks in found.items()
    }
    overlaps = {
        name: [faces.overlap(truth.box, face.box[None])[0] for face, truth in pairs] for name, pairs in both.items()
    }
    off = {
        name: [
            np.linalg.norm(face.landmarks - truth.landmarks, axis=-1).mean() / (truth.box[2] - truth.box[0])
            for face, truth in pairs
        ]
        for name, pairs in both.items()
    }
    return [
        ["rendered heads with a face", *(f"{len(both[n])} of {len(drawn)}" for n in NAMES)],
        [
            "overlap with the true box, median; least",
            *(f"{np.median(overlaps[n]):.2f}; {min(overlaps[n]):.2f}" for n in NAMES),
        ],
        ["the five points are off by, in widths of the true box, median", *(f"{np.median(off[n]):.2f}" for n in NAMES)],
    ]


def _head(rng: np.random.Generator) -> tuple[np.ndarray, faces.Faces]:
    """uint8 [FRAMES, SIDE, SIDE, 3] of one head that talks, and where its face is."""
    opened = 0.5 + 0.5 * np.sin(np.arange(FRAMES))
    drawn = render(draw_portrait(rng), draw_motion(rng, FRAMES, 4.0, opened, 0 * opened), SIDE)
    return (drawn.rgb * 255).astype(np.uint8), faces.Faces(drawn.box / SIDE, drawn.landmarks / SIDE, 1.0)


# ---- on paper ---------------------------------------------------------------------------------------


def page(table: pd.DataFrame, files: int, network: str, rounds: int) -> str:
    rows = "\n".join(f"| {' | '.join(map(str, row))} |" for row in table.to_numpy())
    return f"""# Haar's cascades and YuNet on the same frames

Written by `python benchmarks/faces_compared.py`: {files} real clips, the frames of each that `prepare` looks at under
profile paper's store, and {HEADS * len(CALIBRATION_SEEDS)} rendered heads of {FRAMES} frames, {SIDE} px, from the seeds
on which Haar's boxes were fitted to ours ({", ".join(map(str, CALIBRATION_SEEDS))}). YuNet is `{network}`, its boxes as
they come. Times are processor time of one core that did other work beside it, medians over {rounds} round(s), both
finders in turn at every clip; only ratios say something. {platform.machine()}; Python {platform.python_version()}, PyAV
{av.__version__}, OpenCV {cv2.__version__}.

| | Haar | YuNet |
|---|---|---|
{rows}
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("THB_SAMPLES"), help="or $THB_SAMPLES")
    parser.add_argument("--sha256", default="", help="of another file than nets.yunet.sha256 of params.yaml names")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if wanted.folder is None or not Path(wanted.folder).is_dir():
        parser.error(f"no folder of clips at {wanted.folder}; name one, or set THB_SAMPLES")
    wanted.folder = Path(wanted.folder)
    return wanted


if __name__ == "__main__":
    main()
