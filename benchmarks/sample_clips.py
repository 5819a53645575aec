"""Real clips, prepared by `thb prepare` and checked against what PyAV alone says of them.

    python benchmarks/sample_clips.py FOLDER                    # laid out as the release, e.g. $THB_SAMPLES
    python benchmarks/sample_clips.py FOLDER --finders haar yunet

One table: frames, rate and size beside a full decode of the same file; in how many of the frames looked at each finder
sees the face, and how far its boxes stray from the one that is kept; how far the sound's loudness lags behind an
independent reading of the same track (and behind the released .wav), in hops of the spectrogram.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
import pandas as pd

from thb.clips import audio, faces, prepare, video
from thb.clips.clip_store import open_clips, read_clips
from thb.clips.faces.track import looked_at
from thb.clips.sampling import kept_frames
from thb.core import origin
from thb.core.errors import ThbError
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root
from thb.core.tables import OK, read_csv, write_json
from thb.corpus import layout
from thb.splits import leakage

SHIFTS = 25  # hops either way in which the best fit of two loudness curves is looked for


@dataclass(frozen=True)
class Decoded:
    """What a full decode by PyAV says of a file."""

    frames: int
    fps: float
    size: tuple[int, int]
    loudness: np.ndarray  # float [hops]: power of the sound, from the first frame on; NaN where there is none


def main() -> None:
    wanted = _arguments()
    params = load(find_root() / "params.yaml")
    with tempfile.TemporaryDirectory() as made:
        paths = Paths(Path(made))
        link(paths, wanted.folder)
        table = check(paths, params, wanted.finders)
    print(table.to_string(index=False, float_format=lambda v: f"{v:.3g}"))
    print(
        f"{len(table)} clips, {(table['status'] == OK).sum()} ok, "
        f"{table['agrees'].sum()} with PyAV's number of frames, rate and size"
    )


def link(paths: Paths, folder: Path) -> None:
    """A release's files as data/raw, without their bytes where the disk can: none is a link that leads out."""
    shutil.copytree(folder.resolve(), paths.raw, copy_function=_hard_link)


def _hard_link(file: str, target: str) -> None:
    try:
        os.link(file, target)
    except OSError:  # another disk, or one that knows no such links
        shutil.copyfile(file, target)


def check(paths: Paths, params: Params, finders: list[str]) -> pd.DataFrame:
    """Prepare all sources below data/raw and compare; a row a clip."""
    store = params.profiles["paper"].store
    changed = {"corpus": "hub", "store": store, "finder": finders[0], "max_failed_share": 1.0}
    profile = params.active.model_copy(update=changed)
    params = params.model_copy(update={"profiles": {**params.profiles, params.profile: profile}})
    tables = []
    write_json(origin.record(origin.of_raw(paths, params), paths.raw, []), paths.raw_record)
    for source in _present(paths, params):
        prepare.run(paths, params, source)
        tables.append(read_clips(paths, params, source))
    rows = pd.concat(tables, ignore_index=True)
    known = read_csv(Paths(find_root()).known_drivers, ["clip", "generator", "seen"])
    print("reals that drive a fake:", "; ".join(leakage.reals_that_drive(rows, known)) or "none")
    had = _finders(paths, params, finders)
    return pd.DataFrame([_compared(paths, params, row, had) for row in rows.to_dict("records")])


def _present(paths: Paths, params: Params) -> list[str]:
    """Sources of which there is anything."""
    return [name for name, source in params.sources.items() if (paths.raw / source.folder).is_dir()]


def _compared(paths: Paths, params: Params, row: dict, finders: dict[str, faces.FaceFinder]) -> dict:
    about = {"clip": row["clip"][:46], "portrait": row["portrait"], "driver": row["driver"], "status": row["status"]}
    if row["status"] != OK:
        return about | {"agrees": False, "reason": row["reason"]}
    known = decode(paths.raw / row["path"], params.active.store.sound.hop_seconds)
    facts = (row["n_frames"], round(row["fps"], 4), (row["width"], row["height"]))
    about |= {
        "frames": row["n_frames"],
        "fps": row["fps"],
        "size": f"{row['width']}x{row['height']}",
        "agrees": facts == (known.frames, round(known.fps, 4), known.size),
    }
    for name, finder in finders.items():
        about |= _faces(paths, params, row, name, finder)
    return about | _sound(paths, params, row, known)


def decode(path: Path, hop: float) -> Decoded:
    """Every frame and every sample, by PyAV's own iteration."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.time, frame.width, frame.height) for frame in container.decode(stream)]
        rate = float(stream.average_rate)
    return Decoded(len(frames), rate, frames[0][1:], _loudness(path, frames[0][0], hop))


def _loudness(path: Path, start: float, hop: float) -> np.ndarray:
    """Mean power within half a hop of each hop after `start`, each sample placed by its frame's own time."""
    times, powers = [np.zeros(0)], [np.zeros(0)]
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0) if container.streams.audio else ():
            samples = frame.to_ndarray().astype(float)
            channels = samples if frame.format.is_planar else samples.reshape(frame.samples, -1).T
            times.append(frame.time - start + np.arange(frame.samples) / frame.sample_rate)
            powers.append((channels**2).mean(axis=0))
    place, power = np.round(np.concatenate(times) / hop).astype(int), np.concatenate(powers)
    inside = place >= 0
    total = np.bincount(place[inside], power[inside])
    with np.errstate(invalid="ignore"):
        return total / np.bincount(place[inside])


def _finders(paths: Paths, params: Params, names: list[str]) -> dict[str, faces.FaceFinder]:
    """Those that can be had; what keeps one away is printed."""
    had = {}
    for name in names:
        try:
            had[name] = faces.finder(name, paths, params.nets)
        except ThbError as e:
            print(f"without finder {name}: {e}")
    return had


def _faces(paths: Paths, params: Params, row: dict, name: str, finder: faces.FaceFinder) -> dict:
    """In how many of the frames looked at it sees the face, and the least overlap of their boxes with the kept one."""
    store = params.active.store
    choose = partial(kept_frames, windows=store.windows, run=store.run)
    footage = video.read(paths.raw / row["path"], choose, store.size)
    track = finder.seen(footage.frames[looked_at(len(footage.frames))])[0]
    seen = track[np.isfinite(track[:, 0])]
    kept = finder.find(row, footage.frames, footage.kept).box
    least = faces.overlap(kept, seen[:, :4]).min() if len(seen) else np.nan
    return {name: f"{len(seen)}/{len(track)}", f"{name} least": least}


def _sound(paths: Paths, params: Params, row: dict, known: Decoded) -> dict:
    """Lags in hops, and how well the curves fit at that lag."""
    sound = params.active.store.sound
    clips = open_clips(paths, params, [row["source"]])
    mel = clips.mel[row["source"]][row["row"], : row["mel_frames"]].astype(float)
    ours = (10**mel).sum(axis=1)
    lag, fit = _lag(ours, known.loudness)
    out = {
        "sound": row["audio_codec"],
        "hops": len(mel),
        "expected": round(row["seconds"] / sound.hop_seconds),
        "lag": lag,
        "fit": fit,
    }
    wav = layout.sound_file(paths, row)
    if wav.is_file():
        lag, fit = _lag(ours, (10 ** audio.clip_mel(wav, 0.0, row["seconds"], sound).astype(float)).sum(axis=1))
        out |= {"wav lag": lag, "wav fit": fit}
    return out


def _lag(ours: np.ndarray, other: np.ndarray) -> tuple[int, float]:
    """By how many hops `ours` is late against the other curve, by the best correlation of their logarithms."""
    a, b = (np.log10(curve + 1e-10) for curve in (ours, other))
    fits = {}
    for shift in range(-SHIFTS, SHIFTS + 1):
        x, y = (a[shift:], b) if shift >= 0 else (a, b[-shift:])
        x, y = x[: min(len(x), len(y))], y[: min(len(x), len(y))]
        both = np.isfinite(x) & np.isfinite(y)
        fits[shift] = np.corrcoef(x[both], y[both])[0, 1] if both.sum() > SHIFTS else -1
    best = max(fits, key=fits.get)
    return best, fits[best]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("THB_SAMPLES"), help="or $THB_SAMPLES")
    parser.add_argument("--finders", nargs="+", default=["haar"], help="the first is the one that prepares")
    wanted = parser.parse_args()
    if wanted.folder is None or not wanted.folder.is_dir():
        parser.error(f"no folder of clips at {wanted.folder}; name one, or set THB_SAMPLES")
    return wanted


if __name__ == "__main__":
    main()
