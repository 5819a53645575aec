"""A small clip store with its split file, made of noise: fakes carry a fine weave, and their own bit rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from thb.detectors.base import Clips
from thb.params import Params
from thb.paths import Paths
from thb.records import (
    BOX_COLUMNS,
    CLIP_COLUMNS,
    ERROR,
    LANDMARK_COLUMNS,
    OK,
    SPLIT_COLUMNS,
    write_csv,
    write_json,
)

WINDOWS, RUN, SIDE = 2, 5, 64
SECONDS, MELS, HOP = 1.6, 80, 0.01
SOURCES = {"hallo": ("generator", 1), "ffpp": ("real", 0)}


def write_store(root: Path, clips: int = 24, side: int = SIDE, fit: str = "all", broken: int = 1) -> Paths:
    """Write two sources of `clips` clips each, the last `broken` ones unusable, and the split of one fit."""
    paths = Paths(root)
    tables = [_write_source(paths, source, clips, side, broken) for source in SOURCES]
    write_split(paths, pd.concat(tables, ignore_index=True), fit)
    return paths


def write_split(paths: Paths, clips: pd.DataFrame, fit: str) -> None:
    """Every clip is used as its split says."""
    write_csv(clips.assign(use=clips["split"]), paths.split(fit), SPLIT_COLUMNS)


def _write_source(paths: Paths, source: str, clips: int, side: int, broken: int) -> pd.DataFrame:
    folder = paths.clips(source)
    folder.mkdir(parents=True)
    label = SOURCES[source][1]
    np.save(folder / "frames.npy", _frames(np.random.default_rng(label), clips - broken, side, label))
    np.save(folder / "times.npy", np.tile(frame_times(), (clips - broken, 1)))
    np.save(folder / "mel.npy", _mel(np.random.default_rng(label), clips - broken))
    write_json({"windows": WINDOWS, "run": RUN, "size": side, "hop_seconds": HOP}, folder / "meta.json")
    table = _rows(source, clips, clips - broken)
    table.to_parquet(folder / "clips.parquet")
    return table


def _frames(rng: np.random.Generator, clips: int, side: int, label: int) -> np.ndarray:
    """uint8 [clips, T, side, side, 3]: smooth colours and camera noise, with the weave where label is 1."""
    shape = (clips, WINDOWS * RUN, side, side, 3)
    weave = 14 * label * np.cos(np.pi * np.add.outer(np.arange(side), np.arange(side)))
    base = rng.uniform(60, 190, (clips, 1, 1, 1, 3)) + weave[None, None, :, :, None]
    return np.clip(base + rng.normal(0, 6, shape), 0, 255).astype(np.uint8)


def frame_times() -> np.ndarray:
    """float32 [T]: two runs of a clip at 25 frames a second."""
    return np.concatenate([np.arange(RUN) / 25, SECONDS - np.arange(RUN, 0, -1) / 25]).astype(np.float32)


def _mel(rng: np.random.Generator, clips: int) -> np.ndarray:
    """float16 [clips, F, MELS]: noise that is louder in the low bands."""
    shape = (clips, round(SECONDS / HOP), MELS)
    return (rng.normal(-4, 1, shape) - np.linspace(0, 2, MELS)).astype(np.float16)


def _rows(source: str, clips: int, usable: int) -> pd.DataFrame:
    role, label = SOURCES[source]
    number = np.arange(clips)
    split = np.where(number % 4 < 2, "train", np.where(number % 4 == 2, "val", "test"))
    facts = {"fps": 25.0, "width": 256 if label else 320, "height": 256, "n_frames": 40, "seconds": SECONDS,
             "bitrate": 2e5 + 1e4 * label + 100.0 * number, "codec": "h264", "pix_fmt": "yuv420p",
             "audio_codec": "aac"}
    ok = number < usable
    return pd.DataFrame({
        "clip": [f"{source}-{i:03d}" for i in number], "source": source, "role": role, "label": label,
        "split": split, "path": [f"{source}/{i:03d}.mp4" for i in number],
        "portrait": [f"{i:05d}" for i in number], "driver": "", "video": [f"v{source}{i}" for i in number],
        **facts, **dict(zip(BOX_COLUMNS, (0.3, 0.25, 0.7, 0.75), strict=True)),
        **dict.fromkeys(LANDMARK_COLUMNS, 0.5),
        "face_share": 1.0, "finder": "truth", "mel_frames": round(SECONDS / HOP), "row": np.where(ok, number, -1),
        "status": np.where(ok, OK, ERROR), "reason": np.where(ok, "", "truncated file"),
    })[CLIP_COLUMNS]


def smoke(params: Params, **settings: dict[str, Any]) -> Params:
    """The parameters of profile smoke, with some detectors' settings changed."""
    profile = params.profiles["smoke"]
    merged = {name: {**own, **settings.get(name, {})} for name, own in profile.detectors.items()}
    profiles = {**params.profiles, "smoke": profile.model_copy(update={"detectors": merged})}
    return params.model_copy(update={"profile": "smoke", "profiles": profiles})


def rng(seed: int = 0) -> torch.Generator:
    """A generator of its own, so that no test's chance hangs on another's."""
    return torch.Generator().manual_seed(seed)


def random_clips(count: int = 3, units: int = 2, length: int = 4, side: int = SIDE, seed: int = 0) -> Clips:
    """A batch of noise for a network whose units have `length` frames."""
    chance = rng(seed)
    corner = torch.rand(count, 2, generator=chance) * 0.2 + 0.1
    pixels = torch.randint(256, (2, count, units, length, side, side, 3), generator=chance, dtype=torch.uint8)
    times = torch.linspace(0, 1, units)[None, :, None] + torch.arange(length) / 25
    face = torch.tensor([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])
    return Clips(pixels[0], times.expand(count, -1, -1), torch.cat([corner, corner + 0.5], dim=1),
                 corner[:, None] + 0.5 * face, torch.arange(count) % 2,
                 mel=torch.randn(count, round(SECONDS / HOP), MELS, generator=chance) - 4, mel_hop=HOP,
                 originals=pixels[1], paired=torch.arange(count) % 4 == 1)
