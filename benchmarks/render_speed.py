"""Processor time that the embedded corpus's clips take, by source, beside a bare encode of the same frames.

    python benchmarks/render_speed.py                            # profile mini, three clips a source
    python benchmarks/render_speed.py --clips 10 --rounds 5 --profile smoke

One process, one thread; each clip is made from its plan to the bytes of its files, curation apart, and its frames are
encoded again without sound, turn by turn, so that a busy machine slows both. The best of the rounds counts.
"""

from __future__ import annotations

import argparse
import io
import platform
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import cv2
import numpy as np

from thb.core.params import load
from thb.core.paths import find_root
from thb.rendered import clip, encode
from thb.rendered.curation import CURATED, visible_fault
from thb.rendered.plan import ClipPlan, plan

CRF = 16.0  # in the middle of what the generators use


def main() -> None:
    wanted = _arguments()
    params = load(find_root() / "params.yaml")
    profile = params.profiles[wanted.profile]
    if profile.render is None:
        raise SystemExit(f"profile {wanted.profile} renders nothing")
    sources = {name: source.model_dump() for name, source in params.sources.items()}
    chosen = spread(plan(profile.render.model_dump(), profile.seed, sources), wanted.clips)
    print(
        f"{_cpu()}, one core; Python {platform.python_version()}, numpy {np.__version__}, OpenCV {cv2.__version__}, "
        f"PyAV {av.__version__}; profile {wanted.profile}, best of {wanted.rounds} rounds, processor time\n"
    )
    print("| source | clips | ms a frame | bare encode | of the bare encode | preview, ms a clip |")
    print("|---|---|---|---|---|---|")
    rows = [measured(clips, wanted.rounds) for clips in chosen.values()]
    for source, row in zip(chosen, rows, strict=True):
        _print(source, row)
    _print("all", tuple(map(sum, zip(*rows, strict=True))))


def spread(candidates: Sequence[ClipPlan], number: int) -> dict[str, list[ClipPlan]]:
    """So many clips of each source, from all over its list."""
    groups = {source: list(clips) for source, clips in groupby(candidates, key=lambda one: one.source)}
    return {s: clips[:: max(1, len(clips) // number)][:number] for s, clips in groups.items()}


def measured(clips: Sequence[ClipPlan], rounds: int) -> tuple[float, ...]:
    """Clips, frames, then seconds: to make them, to encode their frames, to judge previews (0 where none are)."""
    total = np.zeros(5)
    for one in clips:
        frames = decoded(clip.make(one)[0].mp4)  # libraries and tables are loaded now
        judged = [lambda one=one: visible_fault(one)] if one.role in CURATED else []
        encoded = lambda frames=frames, fps=Fraction(one.fps): encode.mp4(frames, fps, CRF, None, None)  # noqa: E731
        ways: list[Callable[[], object]] = [lambda one=one: clip.make(one), encoded, *judged]
        taken = np.min([[_seconds(way) for way in ways] for _ in range(rounds)], axis=0)
        total += (1, len(frames), *taken, *[0.0] * (3 - len(taken)))
    return tuple(total)


def decoded(mp4: bytes) -> np.ndarray:
    """uint8 frames [T, S, S, 3] of a clip."""
    with av.open(io.BytesIO(mp4)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def _seconds(way: Callable[[], object]) -> float:
    began = time.process_time()
    way()
    return time.process_time() - began


def _print(source: str, row: tuple[float, ...]) -> None:
    clips, frames, made, bare, judged = row
    print(
        f"| {source} | {clips:.0f} | {1e3 * made / frames:.2f} | {1e3 * bare / frames:.2f} | {made / bare:.1f} | "
        f"{1e3 * judged / clips:.0f} |",
        flush=True,
    )


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="mini")
    parser.add_argument("--clips", type=int, default=3, help="of each source")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
