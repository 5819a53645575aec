"""From a plan to a picture: set the scene, then shoot it, faithfully or through a simulated generator."""

from dataclasses import fields, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from thb.rendered.fakes.generator import Faults, Generator, Scene, Shot, draw_faults
from thb.rendered.fakes.generators import load
from thb.rendered.fakes.strengths import SEVERITY
from thb.rendered.heads.motion import Motion, Pose, draw_motion
from thb.rendered.heads.portraits import Portrait, draw_portrait
from thb.rendered.heads.renderer import Figure, Look, Rendered
from thb.rendered.heads.voice import Voice, draw_timbre, speak
from thb.rendered.names import video_of
from thb.rendered.plan import ClipPlan
from thb.rendered.seeds import seed_of, stream

FAITHFUL = Generator()


def set_scene(plan: ClipPlan) -> Scene:
    """Everything about a clip but its faults: the same person, voice and motion wherever the names recur."""
    fps = float(Fraction(plan.fps))
    n_frames = max(1, round(plan.seconds * fps))
    voice = voice_of(plan.seed, plan.driver or plan.portrait, plan.seconds)
    motion = draw_motion(stream(plan.seed, "motion", *_mover(plan)), n_frames, fps, *voice.mouth(n_frames, fps))
    donor = _person(plan, plan.donor) if plan.donor else None
    return Scene(_person(plan, plan.portrait), donor, motion, voice, fps, np.arange(n_frames, dtype=np.float32) / fps)


def voice_of(seed: int, driver: str, seconds: float) -> Voice:
    """What a driver says, in the voice of the person in that video."""
    return speak(draw_timbre(stream(seed, "timbre", video_of(driver))), stream(seed, "speech", driver), seconds)


def casting(plan: ClipPlan) -> tuple[Generator, Faults]:
    """Who makes the clip, and what goes wrong in it."""
    if not plan.is_fake:
        return FAITHFUL, Faults()
    generator = load(plan.source)
    seed = seed_of(plan.seed, "faults", plan.source, plan.portrait, plan.driver, plan.donor)
    return generator, draw_faults(seed, generator.chances, SEVERITY[plan.source], plan.artefacts)


def stage(
    scene: Scene, size: int, generator: Generator, faults: Faults, frames: np.ndarray | slice = slice(None)
) -> Shot:
    """Some frames at some size, as they are before anything goes wrong in pixels."""
    motion = pick(generator.act(scene, faults), frames)
    drawn = _figure(scene.portrait, size, generator.look(scene, faults)).draw(motion)
    return Shot(scene, motion, scene.moments[frames], drawn, faults)


def shoot(scene: Scene, size: int, generator: Generator, faults: Faults) -> Rendered:
    """The clip at some size, as the generator shows it."""
    shot = stage(scene, size, generator, faults)
    return replace(shot.picture, rgb=generator.paint(shot))


def faithful(scene: Scene, size: int, generator: Generator, faults: Faults, frames: np.ndarray) -> np.ndarray | None:
    """Some frames as they should be, float32 [len(frames), S, S, 3]; None where they were drawn so to begin with."""
    if generator.act(scene, faults) is scene.motion and generator.look(scene, faults) == Look():
        return None  # only pixels go wrong
    return _figure(scene.portrait, size, Look()).draw(pick(scene.motion, frames)).rgb


def compare(
    scene: Scene, size: int, generator: Generator, faults: Faults, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Some frames as the generator shows them, and as they should be; float32 [len(frames), S, S, 3] each."""
    shot, right = stage(scene, size, generator, faults, frames), faithful(scene, size, generator, faults, frames)
    return generator.paint(shot), shot.picture.rgb if right is None else right


@lru_cache(maxsize=4)
def _figure(portrait: Portrait, size: int, look: Look) -> Figure:
    """What shows one portrait often comes in a row, and setting a figure up costs as much as drawing ten frames."""
    return Figure(portrait, size, look)


def pick(motion: Motion, frames: np.ndarray | slice) -> Motion:
    """Some frames of a motion."""
    picked: dict[str, Any] = {f.name: _pick(getattr(motion, f.name), frames) for f in fields(Motion)}
    return Motion(**picked)


def _pick(track, frames):
    if isinstance(track, Pose):
        return Pose(**{f.name: getattr(track, f.name)[frames] for f in fields(Pose)})
    return track[frames]


def _person(plan, name):
    return draw_portrait(stream(plan.seed, "portrait", name))


def _mover(plan):
    """Who decides how the head moves: the driving video, or the generator by itself."""
    if plan.is_fake and plan.role != "swap" and load(plan.source).driven_by != "video":
        return plan.source, plan.portrait, plan.driver
    return (plan.driver,)
