"""What the clip store leaves of a face: of 200 px in a video of 720p, as many reals are, and in a fake of 512 px.

    python benchmarks/face_resolution.py        # writes benchmarks/face_resolution.csv

Clips made here, with detail of every size, are prepared as profile paper says. From the store's two pictures, the
whole frame and the square about the face, a network's crop of 224 px is cut and held against the same crop cut
from the source's own frame: the difference is its root mean square as a share of that of the crop's detail.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from clips_made import write_truth, write_video

from thb.clips import clip, clip_store, faces, video
from thb.clips.sampling import kept_frames
from thb.core.params import load
from thb.core.paths import Paths, find_root
from thb.core.tables import OK, write_csv
from thb.detectors.parts.images import crop

CROP, MARGIN = 224, 1.3  # of TALL's and DF-Adapter's faces
SOURCES = {  # width and height of the video, pixels of the face's side
    "a real video of 720p": ((1280, 720), 200),
    "a real video of 1080p": ((1920, 1080), 400),
    "a fake of 512 px": ((512, 512), 260),
}
COLUMNS = ["source", "face", "whole_pixels", "whole_difference", "face_pixels", "face_difference"]


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        rows = [measured(Paths(Path(made)), name, *told) for name, told in SOURCES.items()]
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_csv(table, find_root() / "benchmarks" / "face_resolution.csv", COLUMNS)
    print(table.to_string(index=False))


def measured(paths: Paths, name: str, size: tuple[int, int], face: int) -> list[str]:
    """A row of the table: the face's pixels in each of the store's pictures, and how far its crop is off."""
    store = load(find_root() / "params.yaml").profiles["paper"].store
    file = write_video(paths.raw / f"{face}.mp4", 100, size=size, picture=detailed(*size))
    box = [at * length for at, length in zip((0.45, 0.5), size, strict=True)]
    box = np.array([box[0] - face / 2, box[1] - face / 2, box[0] + face / 2, box[1] + face / 2]) / np.tile(size, 2)
    write_truth(paths.truth / f"{face}.npz", 100, tuple(box))
    row = {"clip": str(face), "status": OK, "reason": ""}
    done = clip.prepare(row, file, "truth", faces.finder("truth", paths, {}), store)
    assert done.frames is not None
    assert done.faces is not None
    assert done.places is not None
    (source,) = video.read(file, partial(kept_frames, windows=1, run=1), store.size).pictures(size)
    squared = np.pad(source, ((0, size[0] - size[1]), (0, 0), (0, 0)))  # as wide as high, empty below
    wanted = cut(squared, box * (1, size[1] / size[0], 1, size[1] / size[0]))
    told = [name, f"{face} px"]
    for pictures, view in ((done.frames, clip_store.WHOLE), (done.faces, clip_store.SQUARE)):
        boxes = clip_store.inside(done.places, view)[0]
        difference = (cut(pictures[0], boxes[0]) - wanted).std() / wanted.std()
        told += [f"{(boxes[0, 2] - boxes[0, 0]) * pictures.shape[1]:.0f} px", f"{difference:.0%}"]
    return told


def cut(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """float [3, 224, 224] of a square picture."""
    frames = torch.from_numpy(np.ascontiguousarray(picture))[None, None]
    return crop(frames, torch.tensor(box, dtype=torch.float32)[None, None], CROP, MARGIN)[0, 0].numpy()


def detailed(width: int, height: int) -> np.ndarray:
    """uint8 [h, w, 3], grey: noise whose waves are the fainter the shorter they are, as in photographs."""
    noise = np.random.default_rng(0).normal(size=(height, width))
    waves = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    waves[0, 0] = 1
    grey = np.fft.irfft2(np.fft.rfft2(noise) / waves, s=(height, width))
    return np.clip(128 + 50 * grey / grey.std(), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


if __name__ == "__main__":
    main()
