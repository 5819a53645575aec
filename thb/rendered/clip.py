"""One clip, from its plan to the bytes of its files."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from thb.core.arithmetic import CHOICES
from thb.rendered import encode, truth
from thb.rendered.fakes.fingerprint import NO_TRACE, draw_camera, film
from thb.rendered.fakes.generator import Generator, Scene, Shot
from thb.rendered.fakes.strengths import TRACE_FACTOR, TRACES
from thb.rendered.heads.renderer import Rendered
from thb.rendered.plan import ClipPlan
from thb.rendered.scene import FAITHFUL, casting, faithful, set_scene, stage
from thb.rendered.seeds import stream

REAL_CRF = (13.0, 19.5)
HOLD = 3  # frames that share one look at where the faults are
DIFFERS = 0.04  # of 1, in any colour: more is a fault
DRAWN_BY = ("av", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Made:
    """Bytes of the files of one clip; `sound` is None where nobody is heard."""

    mp4: bytes
    sound: bytes | None
    truth: bytes


def make(*plans: ClipPlan) -> list[Made]:
    """Render, film, encode; truth files remember the recipe and what came of it.

    Plans that differ in their fingerprint only share a picture, which costs ten times what filming it does.
    """
    scene, (generator, faults) = set_scene(plans[0]), casting(plans[0])
    shot = stage(scene, plans[0].size, generator, faults)
    picture = replace(shot.picture, rgb=generator.paint(shot))
    facts = truth.Truth(
        picture.regions[:, ::2, ::2],
        _where_wrong(plans[0], shot, picture.rgb, generator),
        picture.box / plans[0].size,
        picture.landmarks / plans[0].size,
    )
    return [_made(plan, scene, picture, generator, facts) for plan in plans]


def _made(plan: ClipPlan, scene: Scene, picture: Rendered, generator: Generator, facts: truth.Truth) -> Made:
    mp4 = finish(plan, scene, picture, generator)
    sound = encode.wav(scene.voice.samples) if heard(plan) else None
    return Made(mp4, sound, truth.pack(facts, recipe=recipe(plan), digest=digest(mp4, sound)))


def finish(plan: ClipPlan, scene: Scene, picture: Rendered, generator: Generator) -> bytes:
    """The mp4 of a picture: filmed, traced, encoded."""
    camera = draw_camera(stream(plan.seed, "camera", plan.path), generator.format.crf if plan.is_fake else REAL_CRF)
    factor = np.exp(stream(plan.seed, "trace", plan.path).uniform(*np.log(TRACE_FACTOR)))
    trace = TRACES.get(plan.source, NO_TRACE)
    frames = film(picture.rgb, camera, trace, plan.fingerprint * factor, stream(plan.seed, "noise", plan.path))
    return encode.mp4(frames, Fraction(plan.fps), camera.crf, scene.voice.samples if plan.audio else None, plan.audio)


def heard(plan: ClipPlan) -> bool:
    """Whether a wav file goes with the clip: with every fake that speaks, and with FF++'s silent reals."""
    return (
        plan.audio is not None if plan.role in ("generator", "unseen") else plan.role == "real" and plan.audio is None
    )


def digest(mp4: bytes, sound: bytes | None) -> str:
    """One SHA-256 over both files."""
    return hashlib.sha256(mp4 + (sound or b"")).hexdigest()


def recipe(plan: ClipPlan) -> str:
    """Changes with the plan, the code that draws it, a library that does so, or which code that library runs."""
    text = json.dumps([asdict(plan), _code(plan.source), _libraries(), [os.environ.get(name) for name in CHOICES]])
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache
def _libraries() -> list[str]:
    return [version(name) for name in DRAWN_BY]


@lru_cache
def _code(source: str) -> str:
    """Hash of every file in this folder that can change a pixel of this source: of the generators, its own alone."""
    folder = Path(__file__).parent
    generators = folder / "fakes" / "generators"
    others = {folder / f"{name}.py" for name in ("corpus", "curation", "calibrate")} | set(generators.glob("*.py"))
    files = sorted(set(folder.rglob("*.py")) - others | {generators / f"{source}.py"})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()


def _where_wrong(plan: ClipPlan, shot: Shot, shown: np.ndarray, generator: Generator) -> np.ndarray:
    """bool [T, H, H]: where the frames shown differ from faithful ones, both at half their size."""
    count, side = len(shown), plan.size // 2
    if generator is FAITHFUL or not plan.artefacts:
        return np.zeros((count, side, side), bool)
    frames = np.arange(0, count, HOLD)
    right = faithful(shot.scene, plan.size, generator, shot.faults, frames)
    pairs = zip(shown[frames], shot.picture.rgb[frames] if right is None else right, strict=True)
    off = [cv2.absdiff(*(cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in pair)) for pair in pairs]
    return np.repeat(np.stack(off).max(axis=-1) > DIFFERS, HOLD, axis=0)[:count]
