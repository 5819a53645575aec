"""Damaged and odd files, all in one release folder, through layout and `thb prepare`: nothing may stop the run.

    python benchmarks/damaged_inputs.py                # 2,000 of them, about half a minute on two cores
    python benchmarks/damaged_inputs.py --inputs 200

Files are flipped, cut, overwritten, joined, given each other's containers, or named as no clip is named. Every one must
come back as a row, with a reason unless it is whole; the kinds and the reasons are counted and printed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
import vouching
from clips_made import STORE, tone, with_profile, write_truth, write_video, write_wav

from thb.clips import prepare
from thb.clips.clip_store import read_clips
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root
from thb.core.tables import OK

FOLDER = "fake/Hallo/test"
Rng = np.random.Generator
Wholes = dict[str, bytes]  # suffix -> a sound file of that container

# ---- what is done to a file's bytes: each takes whole files and gives a broken one -------------------


def flipped(whole: Wholes, rng: Rng) -> bytes:
    out = bytearray(whole["mp4"])
    for place in rng.integers(len(out), size=rng.integers(1, 60)):
        out[place] ^= int(rng.integers(1, 256))
    return bytes(out)


def flipped_head(whole: Wholes, rng: Rng) -> bytes:
    """Where the index lies, every byte decides on much."""
    out = bytearray(whole["mp4"])
    for place in rng.integers(min(len(out), 1500), size=rng.integers(1, 30)):
        out[place] ^= int(rng.integers(1, 256))
    return bytes(out)


def cut(whole: Wholes, rng: Rng) -> bytes:
    return whole["mp4"][: int(rng.integers(0, len(whole["mp4"])))]


def headless(whole: Wholes, rng: Rng) -> bytes:
    return whole["mp4"][int(rng.integers(1, len(whole["mp4"]))) :]


def emptied(whole: Wholes, rng: Rng) -> bytes:
    """A stretch of zeros, as a download that was given its length at once leaves it."""
    first, last = sorted(rng.integers(len(whole["mp4"]), size=2))
    return whole["mp4"][:first] + bytes(int(last - first)) + whole["mp4"][last:]


def shuffled(whole: Wholes, rng: Rng) -> bytes:
    block = int(rng.integers(64, 4096))
    blocks = [whole["mp4"][i : i + block] for i in range(0, len(whole["mp4"]), block)]
    return b"".join(blocks[i] for i in rng.permutation(len(blocks)))


def swapped(whole: Wholes, rng: Rng) -> bytes:
    """Another container, or none, under the name of an mp4; half of them cut."""
    other = whole[str(rng.choice(sorted(set(whole) - {"mp4"})))]
    return other if rng.random() < 0.5 else other[: int(rng.integers(0, len(other)))]


def grafted(whole: Wholes, rng: Rng) -> bytes:
    """The head of one container on the body of another."""
    a, b = (whole[str(kind)] for kind in rng.choice(sorted(whole), size=2))
    return a[: int(rng.integers(8, 2000))] + b[int(rng.integers(0, len(b))) :]


def renumbered(whole: Wholes, rng: Rng) -> bytes:
    """A huge, zero or negative number somewhere in the index: lengths, rates, counts of entries, sizes of a picture."""
    out, number = bytearray(whole["mp4"]), rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
    place = int(rng.integers(0, 1500))
    out[place : place + 4] = int(number).to_bytes(4, "big")
    return bytes(out)


def noise(whole: Wholes, rng: Rng) -> bytes:
    return rng.bytes(int(rng.integers(0, 5000)))


DAMAGE: tuple[Callable[[Wholes, Rng], bytes], ...] = (
    flipped,
    flipped_head,
    cut,
    headless,
    emptied,
    shuffled,
    swapped,
    grafted,
    renumbered,
    noise,
)

# ---- names ------------------------------------------------------------------------------------------

ODD_NAMES = (
    "{i}.mp4",
    "clip {i}.mp4",
    "-{i}.mp4",
    "{i:05d}--.mp4",
    "{i:05d}--a_1.mp4",
    "{i:05d}-a_1--Hallo.mp4",
    "{i:05d}--a_1--Hallo2.mp4",
    "{i:05d}--a--Hallo.mp4",
    "{i:05d}--a_1--Hallo.MP4",
    "{i:05d}--a_1--Hallo.mkv",
    "{i:05d}--a_1--Hallo.mp4.part",
    "{i:05d}--..\\..\\a_1--Hallo.mp4",
    "{i:05d}--%2e%2e%2f_1--Hallo.mp4",
    "{i:05d}--$(touch a{i})_1--Hallo.mp4",
    "{i:05d}--a,b\"c'_1--Hallo.mp4",
    "{i:05d}--a\nb_1--Hallo.mp4",
    "{i:05d}--\x1b[31m_1--Hallo.mp4",
    "{i:05d}--\u202egnp_1--Hallo.mp4",
    "{i:05d}--\udcff\udcfe_1--Hallo.mp4",
    "{i}\udcff.mp4",
    "{i:05d}--\u00e9{i}_1--Hallo.mp4",
    "{i:05d}--\U0001f600_1--Hallo.mp4",
    "\u0660\u0660\u0660{i:02d}--a_1--Hallo.mp4",
    "{i:05d}--" + "x" * 180 + "_1--Hallo.mp4",
)


def odd(folder: Path, i: int, content: bytes) -> None:
    """Something that lies there under an odd name, or is no plain file at all."""
    at = i // (len(DAMAGE) + 1)  # every so manyth input is an odd one
    name, kind = ODD_NAMES[at % len(ODD_NAMES)].format(i=i), at % 7
    if kind == 1:
        (folder / f"{i:05d}--folder{i:05d}_1--Hallo.mp4").mkdir()
    elif kind == 2:
        os.mkfifo(folder / f"{i:05d}--pipe{i:07d}_1--Hallo.mp4")
    elif kind == 3:
        (folder / f"{i:05d}--nowhere{i:04d}_1--Hallo.mp4").symlink_to("nothing")
    elif kind == 4:
        itself = folder / f"{i:05d}--itself{i:05d}_1--Hallo.mp4"
        itself.symlink_to(itself)
    else:
        (folder / name).write_bytes(content)


# ---- the run ----------------------------------------------------------------------------------------


def lay_out(raw: Path, inputs: int, seed: int) -> Counter:
    """Fill Hallo's folder with `inputs` broken things; how many of each kind."""
    folder = raw / FOLDER
    whole, counts = _wholes(folder), Counter()
    for i in range(inputs):
        rng = np.random.default_rng([seed, i])
        kind = i % (len(DAMAGE) + 1)
        if kind == len(DAMAGE):
            odd(folder, i, whole["mp4"])
            counts["odd name or kind of file"] += 1
        else:
            (folder / f"{i:05d}--aaaaaaaaaaa_{i}--Hallo.mp4").write_bytes(DAMAGE[kind](whole, rng))
            counts[DAMAGE[kind].__name__.replace("_", " ")] += 1
    return counts


def _wholes(folder: Path) -> Wholes:
    """One clip in several containers, a sound, a picture and a text."""
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    whole = {}
    for suffix in ("mp4", "mkv", "avi", "mov", "webm"):
        codec = "libopus" if suffix == "webm" else "aac"
        file = write_video(
            folder / f".whole.{suffix}",
            20,
            picture=picture,
            sound=tone(0.8),
            codec=codec,
            faststart=suffix == "mp4",
            **({"video_codec": "libvpx"} if suffix == "webm" else {}),
        )
        whole[suffix] = file.read_bytes()
    whole["wav"] = write_wav(folder / ".whole.wav", tone(0.5)).read_bytes()
    whole["text"] = b"<!DOCTYPE html><title>404</title>" * 40
    whole["png"] = b"\x89PNG\r\n\x1a\n" + bytes(200)
    return whole


def survive(paths: Paths, params: Params, inputs: int, seed: int) -> tuple[Counter, pd.DataFrame]:
    """Prepare them all: the kinds that were made, and the rows that came back."""
    counts = lay_out(paths.raw, inputs, seed)
    _know_faces(paths)
    settings = with_profile(params, store=STORE, finder="truth", max_failed_share=1.0)
    vouching.for_raw(paths, settings)
    prepare.run(paths, settings, "hallo")
    return counts, read_clips(paths, settings, "hallo")


def _know_faces(paths: Paths) -> None:
    """Every clip has the same face, so that the time goes into reading."""
    known = paths.truth / "known.npz"
    write_truth(known, 20)
    (paths.truth / "hallo").mkdir()
    for file in (paths.raw / FOLDER).glob("[!.]*.mp4"):
        os.link(known, paths.truth / "hallo" / f"{file.stem}.npz")


def reasons(rows: pd.DataFrame) -> Counter:
    """Reasons without their numbers and names, counted."""
    return Counter(
        re.sub(r"\d+", "N", reason.split(":")[0] if ": " in reason else reason)[:60] or "whole"
        for reason in rows["reason"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as made:
        counts, rows = survive(Paths(Path(made)), load(find_root() / "params.yaml"), wanted.inputs, wanted.seed)
    for title, counted in (("made", counts), ("came back as", reasons(rows))):
        print(f"\n{title}:", *(f"  {number:5d}  {name}" for name, number in counted.most_common()), sep="\n")
    print(
        f"\n{wanted.inputs} inputs, {len(rows)} rows, {(rows['status'] == OK).sum()} used, "
        f"{time.perf_counter() - began:.0f} s; none stopped the run"
    )
    if len(rows) != wanted.inputs:
        sys.exit("some input came back as no row")


if __name__ == "__main__":
    main()
