"""How a talking head moves: sway, nods, blinks and glances, told in seconds so that fps does not matter."""

from dataclasses import dataclass, fields, replace

import numpy as np

F32 = np.float32

SWAY_BAND_HZ = (0.08, 0.9)  # slow drift of an upright head
SWAY_WAVES = 5
CHANNELS = ("yaw", "pitch", "roll", "x", "y", "scale", "gaze", "blink", "brow", "ties")  # each its own stream
BLINK_SECONDS = 0.28
BLINK_EVERY_SECONDS = (1.2, 4.5)
GLANCE_EVERY_SECONDS = (0.5, 2.2)
SACCADE_SECONDS = 0.05
SPEECH_SMOOTHING_SECONDS = 0.18
BODY_SHARE = 0.22  # how much of the head's motion reaches the shoulders
BODY_LAG_SECONDS = 0.12


@dataclass
class Pose:
    """Where a part of the figure is in each frame, all float32 [T]."""

    yaw: np.ndarray  # radians, positive turns the face to the image's right
    pitch: np.ndarray  # radians, positive looks down
    roll: np.ndarray  # radians, positive tilts clockwise
    x: np.ndarray  # fractions of the frame side
    y: np.ndarray
    scale: np.ndarray  # 1 = as in the portrait

    def copy(self) -> "Pose":
        """An independent copy."""
        return Pose(*(np.array(getattr(self, field.name), F32) for field in fields(self)))


@dataclass
class Motion:
    """Everything that changes from frame to frame, float32 [T] each."""

    head: Pose
    hair: Pose  # equal to the head's, unless a generator lets hair stay behind
    body: Pose
    blink: np.ndarray  # 0 open .. 1 shut
    gaze_x: np.ndarray  # -1 .. 1
    gaze_y: np.ndarray
    brow: np.ndarray  # -1 .. 1, raised is positive
    mouth_open: np.ndarray  # 0 .. 1
    mouth_wide: np.ndarray  # -1 rounded .. 1 spread
    pupil: np.ndarray  # 1 = normal


def still(pose: Pose, frame: int = 0) -> Pose:
    """The pose of one frame, held for all of them."""
    return Pose(*(np.full_like(getattr(pose, field.name), getattr(pose, field.name)[frame]) for field in fields(pose)))


def lag(values: np.ndarray, frames: int) -> np.ndarray:
    """The same values, `frames` later, starting from the first value."""
    late = np.maximum(np.arange(len(values)) - frames, 0)
    return values[late]


def lag_pose(pose: Pose, frames: int) -> Pose:
    """The same pose, `frames` later."""
    return Pose(*(lag(getattr(pose, field.name), frames) for field in fields(pose)))


def rest(n_frames: int) -> Pose:
    """A pose that faces the camera and does not move."""
    zeros = [np.zeros(n_frames, F32) for _ in range(5)]
    return Pose(*zeros, scale=np.ones(n_frames, F32))


def draw_motion(
    rng: np.random.Generator, n_frames: int, fps: float, mouth_open: np.ndarray, mouth_wide: np.ndarray
) -> Motion:
    """Natural motion for a given mouth; one stream of randomness per channel keeps it the same at any fps."""
    seconds = np.arange(n_frames) / fps
    streams = dict(zip(CHANNELS, rng.spawn(len(CHANNELS)), strict=True))
    speech = _smooth(np.asarray(mouth_open, float), fps, SPEECH_SMOOTHING_SECONDS)
    head = _head(streams, seconds, speech)
    gaze_x, gaze_y = _glances(streams["gaze"], seconds)
    return Motion(
        head=head,
        hair=head.copy(),
        body=_body(head, fps),
        blink=_blinks(streams["blink"], seconds),
        gaze_x=(gaze_x - 0.9 * head.yaw).astype(F32),  # eyes hold the camera while the head turns
        gaze_y=(gaze_y - 0.9 * head.pitch).astype(F32),
        brow=np.clip(_sway(streams["brow"], seconds, 0.3) + 0.5 * (speech - 0.3), -1, 1).astype(F32),
        mouth_open=np.asarray(mouth_open, F32),
        mouth_wide=np.asarray(mouth_wide, F32),
        pupil=(1.0 + 0.04 * np.sin(1.1 * seconds)).astype(F32),
    )


def _head(streams, seconds, speech) -> Pose:
    emphasis = speech - speech.mean() if len(speech) else speech
    ties = streams["ties"].normal(0.0, 1.0, 4)  # where this person faces, and how nods follow speech
    facing_yaw, facing_pitch, facing_roll = ties[:3] * (0.10, 0.04, 0.04)
    yaw = facing_yaw + _sway(streams["yaw"], seconds, 0.12) + 0.03 * ties[3] * emphasis
    pitch = facing_pitch + _sway(streams["pitch"], seconds, 0.05) + 0.09 * emphasis
    roll = facing_roll + _sway(streams["roll"], seconds, 0.045)
    x = 0.035 * np.sin(yaw) + _sway(streams["x"], seconds, 0.010)
    y = 0.020 * np.sin(pitch) + _sway(streams["y"], seconds, 0.006)
    scale = 1.0 + _sway(streams["scale"], seconds, 0.012)
    return Pose(*(np.asarray(values, F32) for values in (yaw, pitch, roll, x, y, scale)))


def _body(head: Pose, fps: float) -> Pose:
    """Shoulders follow the head a little, and late."""
    late = lag_pose(head, max(1, round(BODY_LAG_SECONDS * fps)))
    parts = {field.name: BODY_SHARE * getattr(late, field.name) for field in fields(late)}
    body = Pose(**parts)
    return replace(body, scale=(1.0 + BODY_SHARE * (late.scale - 1.0)).astype(F32), roll=0.5 * body.roll)


def _sway(rng, seconds, amplitude):
    """Sum of slow waves whose strength falls with frequency; about `amplitude` in size."""
    low, high = np.log(SWAY_BAND_HZ)
    hertz = np.exp(rng.uniform(low, high, SWAY_WAVES))
    phase = rng.uniform(0.0, 2.0 * np.pi, SWAY_WAVES)
    strength = rng.uniform(0.5, 1.0, SWAY_WAVES) / (1.0 + 2.0 * hertz)
    waves = strength * np.sin(2.0 * np.pi * hertz * seconds[:, None] + phase)
    return amplitude * rng.uniform(0.7, 1.3) * waves.sum(axis=1)


def _blinks(rng, seconds):
    """Lids that shut fast and open slower, every few seconds."""
    blink = np.zeros(len(seconds))
    moment = rng.uniform(0.1, BLINK_EVERY_SECONDS[1])
    while len(seconds) and moment < seconds[-1] + BLINK_SECONDS:
        phase = (seconds - moment) / BLINK_SECONDS
        blink = np.maximum(blink, np.interp(phase, (-0.35, 0.0, 0.12, 0.65), (0.0, 1.0, 1.0, 0.0)))
        moment += rng.uniform(*BLINK_EVERY_SECONDS)
    return blink.astype(F32)


def _glances(rng, seconds):
    """Gaze that rests near the camera and jumps now and then; two arrays [T]."""
    gaze = np.zeros((2, len(seconds)))
    moment, here = 0.0, np.zeros(2)
    while len(seconds) and moment < seconds[-1]:
        there = rng.normal(0.0, 1.0, 2) * (0.22, 0.10) * (rng.random() < 0.7)
        share = np.clip((seconds - moment) / SACCADE_SECONDS, 0.0, 1.0)
        gaze += (there - here)[:, None] * share
        here = there
        moment += rng.uniform(*GLANCE_EVERY_SECONDS)
    return gaze


def _smooth(values, fps, width_seconds):
    """Gaussian smoothing over a width given in seconds."""
    reach = int(np.ceil(3.0 * width_seconds * fps))
    if not len(values):
        return values
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (width_seconds * fps)) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, taps / taps.sum(), mode="valid")
