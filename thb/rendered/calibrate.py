"""A check of the strengths without any network: removed shares, and what a linear look at spectra learns.

    python -m thb.rendered.calibrate --seeds 101 202 --clips 30 20

Read it as a floor: a small network learns far more from the same clips (the spectral P1 stays near .6 where
a network reaches .9). Wanted all the same: removed shares like the paper's (Table 4), and no more learnt with
fingerprint or faults switched off than with both. Only CALIBRATION_SEEDS are accepted.
"""

import argparse
import io
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import av
import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from thb.core.errors import ThbError
from thb.core.params import load
from thb.core.paths import Paths, find_root
from thb.core.processes import in_order
from thb.rendered.clip import finish
from thb.rendered.corpus import quotas
from thb.rendered.curation import CURATED, curate, visible_fault
from thb.rendered.fakes.strengths import CALIBRATION_SEEDS
from thb.rendered.plan import ClipPlan, plan
from thb.rendered.scene import casting, set_scene, shoot

SIDE, CROP = 128, 80  # px: as the clip store keeps a frame, and what is looked at round the face
EVERY = 4  # frames
FINE = 1.5  # px: what is coarser is no trace of a generator
PENALTY = 0.003  # inverse; there are more features than clips
CORPORA = {"main": {}, "fingerprint 0": {"fingerprint": 0.0}, "artefacts 0": {"artefacts": 0.0}}


def main() -> None:
    """Print, for each seed and corpus, what was removed and what a spectrum gives away."""
    parser = argparse.ArgumentParser(
        prog="python -m thb.rendered.calibrate", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(CALIBRATION_SEEDS), choices=CALIBRATION_SEEDS)
    parser.add_argument("--clips", type=int, nargs=2, default=(30, 20), metavar=("TRAIN", "TEST"), help="a generator")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 = one a core")
    given = parser.parse_args()
    try:
        params = load(Paths(find_root()).params)
    except ThbError as error:
        parser.error(str(error))
    sources = {name: source.model_dump() for name, source in params.sources.items() if source.role != "swap"}
    if params.active.render is None:
        parser.error(f"profile {params.profile} renders nothing")
    render = params.active.render.model_dump() | {"clips": _counts(*given.clips)}
    for seed in given.seeds:
        for name, change in CORPORA.items():
            _report(f"seed {seed}, {name}", render | change, seed, sources, given.workers)


def _counts(train: int, test: int) -> dict[str, dict[str, int]]:
    """As many reals as half of the generators' fakes."""
    fakes, reals = ({"train": share * train, "val": 0, "test": share * test} for share in (1, 2))
    return {"generator": fakes, "unseen": fakes | {"train": 0}, "ffpp": reals, "celebvhq": reals}


def _report(title: str, render: Mapping[str, Any], seed: int, sources: Mapping[str, Any], workers: int) -> None:
    trays = curate(
        plan(render, seed, sources),
        quotas(render, sources),
        render["curation"],
        lambda plans: list(in_order(visible_fault, plans, workers, _died)),
    )
    kept = [clip for tray in trays for clip in tray.kept]
    spectra = np.stack(list(in_order(spectrum, kept, workers, _died)))
    removed = {
        s: 1 - sum(len(t.kept) for t in trays if t.source == s) / sum(t.made for t in trays if t.source == s)
        for s, source in sources.items()
        if source["role"] in CURATED
    }
    print(f"\n{title}")
    _row("removed", removed)
    for protocol, cells in protocols(kept, spectra).items():
        _row(protocol, cells)


def _row(title, cells):
    print(
        f"  {title:8} {np.mean(list(cells.values())):.2f}  ",
        "  ".join(f"{k} {v:.2f}" for k, v in cells.items()),
        flush=True,
    )


def spectrum(clip: ClipPlan) -> np.ndarray:
    """Log power of the finest detail round the face, by frequency: float32 [features]."""
    scene, (generator, faults) = set_scene(clip), casting(clip)
    picture = shoot(scene, clip.size, generator, faults)
    power = 0.0
    frames = _decoded(finish(clip, scene, picture, generator))[::EVERY]
    for frame, box in zip(frames, picture.box[::EVERY] / clip.size, strict=True):
        power = power + np.abs(np.fft.rfft2(_detail(frame, box))) ** 2
    power = np.log(np.fft.fftshift(power / len(frames), axes=0)[:, :-1] + 1.0)
    return power.reshape(CROP // 4, 4, CROP // 8, 4).mean(axis=(1, 3)).ravel().astype(np.float32)


def _decoded(mp4: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(mp4), "r") as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return [cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) for frame in frames]


def _detail(frame, box):
    """A windowed square round the face, less what is coarse [CROP, CROP]."""
    x, y = (int(np.clip((low + high) / 2 * SIDE - CROP / 2, 0, SIDE - CROP)) for low, high in (box[0::2], box[1::2]))
    square = frame[y : y + CROP, x : x + CROP]
    return (square - cv2.GaussianBlur(square, (0, 0), FINE)) * np.outer(np.hanning(CROP), np.hanning(CROP))


def protocols(clips: Sequence[ClipPlan], spectra: np.ndarray) -> dict[str, dict[str, float]]:
    """AUC by protocol and generator, as DESIGN.md defines the protocols."""
    source, split, role = (np.array([getattr(c, key) for c in clips]) for key in ("source", "split", "role"))
    real, fake, train = role == "real", role == "generator", split == "train"
    names = list(dict.fromkeys(source[fake]))

    def fit(fakes):
        chosen = train & (real | fakes)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000))
        return model.fit(spectra[chosen], ~real[chosen])

    def auc(model, tested):
        chosen = tested | (real & ~train)
        return float(roc_auc_score(~real[chosen], model.decision_function(spectra[chosen])))

    everyone, without = fit(fake), {g: fit(fake & (source != g)) for g in names}
    return {
        "P1": {g: auc(everyone, (source == g) & ~train) for g in names},
        "P2": {g: auc(without[g], (source == g) & train) for g in names},
        "P3": {g: auc(without[g], (source == g) & ~train) for g in names},
        "unseen": {g: auc(everyone, source == g) for g in dict.fromkeys(source[role == "unseen"])},
    }


def _died(plan: ClipPlan) -> NoReturn:
    raise SystemExit(f"the process that renders {plan.path} dies")


if __name__ == "__main__":
    main()
