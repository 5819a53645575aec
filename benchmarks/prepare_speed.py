"""How fast `prepare` reads clips on one core, beside a bare PyAV decode of the same clips to memory.

    python benchmarks/prepare_speed.py                        # on clips made here: 512 px, 10 s, H.264 and AAC
    python benchmarks/prepare_speed.py --clips $THB_SAMPLES   # on real ones
    python benchmarks/prepare_speed.py --rounds 5 --finder haar

Both run in this one process, on one thread, turn by turn, so that a busy machine slows both; a ratio is of medians of
the rounds' times. `frames kept` decodes every frame, scales and keeps those of profile paper's store; `and sound` adds
its spectrogram; the whole of `prepare` adds the finder. Peak memory is this process's.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from clips_made import write_video

from thb.clips import audio, clip, faces, video
from thb.clips.sampling import kept_frames
from thb.core.params import Params, load
from thb.core.paths import Paths, find_root
from thb.core.tables import OK
from thb.rendered.heads.motion import draw_motion
from thb.rendered.heads.portraits import draw_portrait
from thb.rendered.heads.renderer import render

AIM = 0.7


def main() -> None:
    wanted = _arguments()
    params = load(find_root() / "params.yaml")
    with tempfile.TemporaryDirectory() as made:
        files = sorted(wanted.clips.rglob("*.mp4"))[: wanted.most] if wanted.clips else make(Path(made), wanted.most)
        seconds = measure(ways(params, wanted.finder), files, wanted.rounds)
        frames = sum(decoded(file) for file in files)
    report(seconds, frames, len(files), wanted)


def ways(params: Params, finder: str) -> dict[str, Callable[[Path], object]]:
    """What is timed, each a function of one file; the first is what the others are held against."""
    store = params.profiles["paper"].store
    choose = partial(kept_frames, windows=store.windows, run=store.run)
    find = faces.finder(finder, Paths(Path()), params.nets)

    def with_sound(file: Path) -> None:
        footage = video.read(file, choose, store.size)
        audio.clip_mel(file, footage.start, footage.facts.seconds, store.sound)

    def whole(file: Path) -> None:
        done = clip.prepare({"clip": file.stem, "status": OK, "reason": ""}, file, finder, find, store)
        if done.row["status"] != OK:
            raise SystemExit(f"{file.name}: {done.row['reason']}")

    return {
        "bare decode": decoded,
        "frames kept": lambda file: video.read(file, choose, store.size),
        "and sound": with_sound,
        f"prepare with {finder}": whole,
    }


def decoded(file: Path) -> int:
    """Every frame of a clip in memory at once, as PyAV gives them; their number."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return len(list(container.decode(stream)))


def measure(timed: dict[str, Callable[[Path], object]], files: list[Path], rounds: int) -> dict[str, list[float]]:
    """Seconds a round over all files; every way has its turn at each file before the next file."""
    for way in timed.values():
        way(files[0])  # libraries and tables are loaded
    seconds = {name: [0.0] * rounds for name in timed}
    for turn in range(rounds):
        for file in files:
            for name, way in timed.items():
                began = time.process_time()
                way(file)
                seconds[name][turn] += time.process_time() - began
    return seconds


def report(seconds: dict[str, list[float]], frames: int, files: int, wanted: argparse.Namespace) -> None:
    bare = np.median(next(iter(seconds.values())))
    print(
        f"{_cpu()}, one core; Python {platform.python_version()}, PyAV {av.__version__}, FFmpeg's libavcodec "
        f"{'.'.join(map(str, av.library_versions['libavcodec']))}, OpenCV {cv2.__version__}"
    )
    print(
        f"{files} {'real clips' if wanted.clips else 'clips made here (512 px, 10 s)'}, {frames} frames, "
        f"median of {wanted.rounds} rounds, processor time\n"
    )
    print("| | frames a second | of the bare decode |\n|---|---|---|")
    for name, rounds in seconds.items():
        print(f"| {name} | {frames / np.median(rounds):.0f} | {bare / np.median(rounds):.2f} |")
    print(
        f"\naim: {AIM}; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, "
        "most of it the bare decode's"
    )


def make(folder: Path, number: int) -> list[Path]:
    """Clips of a drawn head that moves and has grain, so that they cost what a head in front of a camera costs."""
    rng = np.random.default_rng(0)
    tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(160_000) / 16_000)).astype(np.float32)
    return [write_video(folder / f"{i}.mp4", 250, size=(512, 512), sound=tone, film=_film(rng)) for i in range(number)]


def _film(rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    """Frame number -> uint8 [512, 512, 3]: a head that the camera swings around, and grain."""
    still = np.zeros(1)
    head = render(draw_portrait(rng), draw_motion(rng, 1, 25.0, still, still), 512).rgb[0]
    scene = cv2.copyMakeBorder((head * 255).astype(np.uint8), 60, 60, 60, 60, cv2.BORDER_REFLECT)
    grain = rng.integers(-6, 7, (8, 512, 512, 1))

    def frame(i: int) -> np.ndarray:
        x, y = (round(60 + 50 * turn(i / 40)) for turn in (np.sin, np.cos))
        return np.clip(scene[y : y + 512, x : x + 512] + grain[i % 8], 0, 255).astype(np.uint8)

    return frame


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.is_file()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="a folder of real clips")
    parser.add_argument("--most", type=int, default=4, help="clips at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--finder", default="haar")
    return parser.parse_args()


if __name__ == "__main__":
    main()
