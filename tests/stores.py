"""A small clip store with its split file, made of noise: fakes carry a fine weave, and their own bit rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import vouching

from thb.clips import clip_store
from thb.clips.clip_store import read_clips
from thb.core import origin
from thb.core.params import Params
from thb.core.params_schema import Store
from thb.core.paths import Paths
from thb.core.tables import BOX_COLUMNS, CLIP_COLUMNS, ERROR, LANDMARK_COLUMNS, OK, SPLIT_COLUMNS, write_csv, write_json
from thb.detectors.base import Clips
from thb.splits import assignment

WINDOWS, RUN, SIDE = 2, 5, 64
FACE = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])  # the points, fractions of a box
SECONDS, MELS, HOP = 1.6, 80, 0.01
SOURCES = {"hallo": ("generator", 1), "ffpp": ("real", 0)}
SWAPS = {"faceswap": ("swap", 1)}  # what fit `ffpp` learns from


def write_store(root: Path, params: Params, clips: int = 24, fit: str = "all", broken: int = 1) -> Paths:
    """Write two sources of `clips` clips each, the last `broken` ones unusable, and the split of one fit."""
    paths = Paths(root)
    for source, (role, label) in SOURCES.items():
        _write_source(paths, params, source, role, label, clips, broken)
    write_split(paths, params, fit)
    return paths


def write_split_of_swaps(paths: Paths, params: Params) -> None:
    """A third source, of face swaps, and the splits of both fits anew."""
    for source, (role, label) in SWAPS.items():
        _write_source(paths, params, source, role, label, 24, 1)
    for fit in ("ffpp", "all"):
        write_split(paths, params, fit)


def write_split(paths: Paths, params: Params, fit: str) -> None:
    """As `split` would of the stores that are there; clips that cannot be used are in it too."""
    clips = pd.concat([read_clips(paths, params, source) for source in prepared(paths)], ignore_index=True)
    write_csv(clips.assign(use=assignment.uses(clips, fit)), paths.split(fit), SPLIT_COLUMNS)
    vouch_for_splits(paths, params)


def prepared(paths: Paths) -> list[str]:
    return [source for source in (*SOURCES, *SWAPS) if paths.clips(source).is_dir()]


def vouch_for_splits(paths: Paths, params: Params) -> None:
    """As `split` would, whoever wrote them."""
    names = [file.name for file in sorted(paths.splits.glob("*.csv"))]
    tables = {source: origin.sha256(paths.clips(source) / clip_store.TABLE) for source in prepared(paths)}
    write_json(origin.record(origin.of_splits(paths, params), paths.splits, names, clips=tables), paths.splits_record)


def vouch(paths: Paths, params: Params) -> None:
    """For the stores and splits that are there, as if this profile and code had made them."""
    for source in prepared(paths):
        vouching.for_store(paths, params, source)
    vouch_for_splits(paths, params)


def _write_source(paths: Paths, params: Params, source: str, role: str, label: int, clips: int, broken: int) -> None:
    folder, store = paths.clips(source), params.active.store
    folder.mkdir(parents=True)
    np.save(
        folder / "frames.npy", _frames(np.random.default_rng(label), clips - broken, store.frames, store.size, label)
    )
    faces, places = _faces(np.random.default_rng(label), clips - broken, store, label)
    np.save(folder / "faces.npy", faces)
    np.save(folder / "places.npy", places)
    np.save(folder / "times.npy", np.tile(frame_times(store.windows), (clips - broken, 1)))
    np.save(folder / "mel.npy", _mel(np.random.default_rng(label), clips - broken))
    _rows(source, role, label, clips, clips - broken).to_parquet(folder / clip_store.TABLE)
    vouching.for_store(paths, params, source)


def _faces(rng: np.random.Generator, clips: int, store: Store, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Of frames of 256 x 256, the same in all: a face whose square is `face.size` pixels of them."""
    corner = np.array([80, 64])
    places = clip_store.placed(
        (256, 256),
        np.array([0, 0, 256, 256]),
        np.tile([*corner, *(corner + store.face.size)], (store.frames, 1)),
        np.tile(np.array([corner, corner + store.face.size / 2]).ravel() / 256, (store.frames, 1)),
        np.tile(corner + store.face.size * (0.1 + 0.3 * FACE), (store.frames, 1, 1)) / 256,
    )
    return _frames(rng, clips, store.frames, store.face.size, label), np.tile(places, (clips, 1, 1, 1))


def _frames(rng: np.random.Generator, clips: int, count: int, side: int, label: int) -> np.ndarray:
    """uint8 [clips, count, side, side, 3]: smooth colours and camera noise, with the weave where label is 1."""
    shape = (clips, count, side, side, 3)
    weave = 14 * label * np.cos(np.pi * np.add.outer(np.arange(side), np.arange(side)))
    base = rng.uniform(60, 190, (clips, 1, 1, 1, 3)) + weave[None, None, :, :, None]
    return np.clip(base + rng.normal(0, 6, shape), 0, 255).astype(np.uint8)


def frame_times(windows: int = WINDOWS) -> np.ndarray:
    """float32 [T]: runs of a clip at 25 frames a second, evenly spread."""
    starts = np.linspace(0, SECONDS - RUN / 25, windows)
    return (starts[:, None] + np.arange(RUN) / 25).ravel().astype(np.float32)


def _mel(rng: np.random.Generator, clips: int) -> np.ndarray:
    """float16 [clips, F, MELS]: noise that is louder in the low bands."""
    shape = (clips, round(SECONDS / HOP), MELS)
    return (rng.normal(-4, 1, shape) - np.linspace(0, 2, MELS)).astype(np.float16)


def _rows(source: str, role: str, label: int, clips: int, usable: int) -> pd.DataFrame:
    number = np.arange(clips)
    split = np.where(number % 4 < 2, "train", np.where(number % 4 == 2, "val", "test"))
    facts = {
        "fps": 25.0,
        "width": 256 if label else 320,
        "height": 256,
        "n_frames": 40,
        "seconds": SECONDS,
        "bitrate": 2e5 + 1e4 * label + 100.0 * number,
        "codec": "h264",
        "pix_fmt": "yuv420p",
        "audio_codec": "aac",
    }
    ok = number < usable
    return pd.DataFrame(
        {
            "clip": [f"{source}-{i:03d}" for i in number],
            "source": source,
            "role": role,
            "label": label,
            "split": split,
            "path": [f"{source}/{i:03d}.mp4" for i in number],
            "portrait": [f"{i:05d}" for i in number],
            "driver": "",
            "video": [f"v{source}{i}" for i in number],
            **facts,
            **dict(zip(BOX_COLUMNS, (0.3, 0.25, 0.7, 0.75), strict=True)),
            **dict.fromkeys(LANDMARK_COLUMNS, 0.5),
            "face_share": 1.0,
            "finder": "truth",
            "mel_frames": round(SECONDS / HOP),
            "row": np.where(ok, number, -1),
            "status": np.where(ok, OK, ERROR),
            "reason": np.where(ok, "", "truncated file"),
        }
    )[CLIP_COLUMNS]


def smoke(params: Params, side: int = SIDE, **settings: dict[str, Any]) -> Params:
    """The parameters of profile smoke, with frames of `side` pixels and some detectors' settings changed."""
    profile = params.profiles["smoke"]
    changed = {
        "detectors": {name: {**own, **settings.get(name, {})} for name, own in profile.detectors.items()},
        "store": profile.store.model_copy(
            update={"size": side, "face": profile.store.face.model_copy(update={"size": side})}
        ),
    }
    profiles = {**params.profiles, "smoke": profile.model_copy(update=changed)}
    return params.model_copy(update={"profile": "smoke", "profiles": profiles})


def rng(seed: int = 0) -> torch.Generator:
    """A generator of its own, so that no test's chance hangs on another's."""
    return torch.Generator().manual_seed(seed)


def random_clips(count: int = 3, units: int = 2, length: int = 4, side: int = SIDE, seed: int = 0) -> Clips:
    """A batch of noise for a network whose units have `length` frames."""
    chance = rng(seed)
    corner = torch.rand(count, units, length, 2, generator=chance) * 0.2 + 0.1
    pixels = torch.randint(256, (2, count, units, length, side, side, 3), generator=chance, dtype=torch.uint8)
    times = torch.linspace(0, 1, units)[None, :, None] + torch.arange(length) / 25
    return Clips(
        pixels[0],
        times.expand(count, -1, -1),
        torch.cat([corner, corner + 0.5], dim=-1),
        corner[..., None, :] + 0.5 * torch.tensor(FACE, dtype=torch.float32),
        torch.tensor([0.0, 0, 1, 1]).expand(count, units, length, 4),
        torch.arange(count) % 2,
        mel=torch.randn(count, round(SECONDS / HOP), MELS, generator=chance) - 4,
        mel_hop=HOP,
        originals=pixels[1],
        paired=torch.arange(count) % 4 == 1,
    )
