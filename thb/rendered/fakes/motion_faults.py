"""Movements that give a generator away; every one is nothing at strength 0 and plain to see at 1."""

from dataclasses import fields, replace

import numpy as np

from thb.rendered.fakes.generator import Scene
from thb.rendered.fakes.warps import waves
from thb.rendered.heads.motion import Motion, Pose, still

LATEST_LIPS = 0.35  # seconds
JUMP = 0.16  # radians of a sudden turn
SHAKE = 0.06  # radians
DRIFT = 0.07  # of the frame side: how far a body moves under a still head
PUMP = 5.0  # growth per fraction of the side moved
SHRINK = 0.9  # of the scale, per radian turned away


def late_lips(scene: Scene, motion: Motion, strength: float) -> Motion:
    """Lips that come after the voice."""
    opened, spread = scene.voice.mouth(len(motion.blink), scene.fps, delay=LATEST_LIPS * min(strength, 1.5))
    return replace(motion, mouth_open=opened, mouth_wide=spread)


def idle_lips(motion: Motion, strength: float) -> Motion:
    """Lips that hardly move though somebody speaks."""
    kept = max(0.0, 1.0 - strength)
    return replace(
        motion, mouth_open=motion.mouth_open * np.float32(kept), mouth_wide=motion.mouth_wide * np.float32(kept)
    )


def stuck_hair(motion: Motion, strength: float) -> Motion:
    """Hair that stays where it was in the first frame while the head moves on."""
    return replace(motion, hair=_towards(motion.hair, still(motion.hair), min(strength, 1.0)))


def rigid_pose(motion: Motion, strength: float) -> Motion:
    """A head that hardly moves at all."""
    return _with_head(motion, _towards(motion.head, still(motion.head), min(strength, 1.0)))


def jerks(motion: Motion, moments: np.ndarray, strength: float, rng: np.random.Generator) -> Motion:
    """Sudden turns of the head, gone again after a while."""
    turn = np.zeros(len(moments))
    for start in np.sort(rng.uniform(0.0, 2.6, 5)):
        size, length = rng.choice((-1.0, 1.0)) * rng.uniform(0.4, 1.0), rng.uniform(0.1, 0.4)
        turn += size * ((moments >= start) & (moments < start + length))
    return _turn(motion, yaw=strength * JUMP * turn, pitch=0.4 * strength * JUMP * turn)


def shaking(motion: Motion, moments: np.ndarray, strength: float, rng: np.random.Generator) -> Motion:
    """A fast swing of the head that no neck would do."""
    return _turn(
        motion,
        yaw=strength * SHAKE * waves(rng, moments, 3.0, 6.0, 1),
        pitch=0.5 * strength * SHAKE * waves(rng, moments, 3.0, 6.0, 1),
    )


def pumping(motion: Motion, strength: float) -> Motion:
    """A head that grows and shrinks as it moves sideways."""
    aside = motion.head.x - motion.head.x[0] + 0.12 * (motion.head.yaw - motion.head.yaw[0])
    return _scaled(motion, 1.0 + PUMP * strength * aside)


def shrinking(motion: Motion, strength: float) -> Motion:
    """A head that gets smaller as it turns away."""
    return _scaled(motion, 1.0 - SHRINK * strength * np.abs(motion.head.yaw))


def floating(motion: Motion, moments: np.ndarray, strength: float, rng: np.random.Generator) -> Motion:
    """A body that moves as the driver's did, under a head that does not follow."""
    aside, down = (strength * DRIFT * waves(rng, moments, 0.3, 1.0) for _ in range(2))
    body = replace(
        motion.body, x=motion.body.x + aside, y=motion.body.y + 0.4 * np.abs(down), roll=motion.body.roll + 0.8 * aside
    )
    return replace(motion, body=body)


def odd_pupils(motion: Motion, moments: np.ndarray, strength: float, rng: np.random.Generator) -> Motion:
    """Pupils that widen and narrow at changing speed."""
    beat = np.sin(
        2
        * np.pi
        * np.cumsum(2.0 + 1.5 * waves(rng, moments, 0.3, 0.8))
        * (moments[1] - moments[0] if len(moments) > 1 else 0)
    )
    return replace(motion, pupil=(motion.pupil * np.clip(1.0 + 0.6 * strength * beat, 0.3, 2.0)).astype(np.float32))


def _turn(motion, yaw, pitch):
    head = replace(
        motion.head,
        yaw=(motion.head.yaw + yaw).astype(np.float32),
        pitch=(motion.head.pitch + pitch).astype(np.float32),
    )
    return _with_head(motion, head)


def _scaled(motion, factor):
    factor = np.clip(factor, 0.6, 1.35).astype(np.float32)
    return _with_head(motion, replace(motion.head, scale=motion.head.scale * factor))


def _with_head(motion, head):
    """The hair goes with the head."""
    return replace(motion, head=head, hair=head.copy())


def _towards(pose: Pose, other: Pose, share: float) -> Pose:
    """Part of the way from one pose to another."""
    return Pose(*((1 - share) * getattr(pose, f.name) + share * getattr(other, f.name) for f in fields(Pose)))
