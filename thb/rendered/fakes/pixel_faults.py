"""Faults in the picture itself; each takes frames [T, S, S, 3] and gives frames, unchanged at strength 0."""

import cv2
import numpy as np

from thb.rendered.fakes.generator import Shot
from thb.rendered.fakes.warps import axes, displace, face_oval, mix, near, ripples, round_spot, waves
from thb.rendered.heads.fields import thrice
from thb.rendered.truth import FACE, HAIR

PULL = 1.6  # how far the background follows the head, at strength 1
WOBBLE = 0.030  # of the side: how far an unstable background sways
BEND = 0.045  # of the side: how far a face is bent
HALO_BLUR = 0.030  # of the side
GREEN = np.array((0.16, 0.82, 0.25), np.float32)


# ---- background -------------------------------------------------------------------------------------


def pulled_background(frames, shot: Shot, strength: float, reach: float = 1.9):
    """The background round the head moves with it, as if it were part of it."""
    return _rebuilt(frames, shot, lambda t: _follow(shot, t, strength * PULL, reach)) if strength else frames


def unstable_background(frames, shot: Shot, strength: float, rng):
    """The whole background sways like a reflection in water."""
    if not strength:
        return frames
    shapes = [ripples(rng, shot.side, cells) for cells in (2.2, 3.1)]
    tracks = [strength * WOBBLE * waves(rng, shot.moments, 0.5, 2.5) for _ in shapes]
    return _rebuilt(frames, shot, lambda t: (shapes[0] * tracks[0][t], shapes[1] * tracks[1][t]))


def dragged_object(frames, shot: Shot, strength: float, rng):
    """A piece of the background beside the head is taken for part of it, and moves along."""
    if not strength:
        return frames
    side, centre = rng.choice((-1.0, 1.0)), _centres(shot)[0]
    width = np.diff(shot.picture.box[0, [0, 2]])[0] / shot.side
    piece = round_spot(
        shot.side, centre[0] + side * width * rng.uniform(0.8, 1.1), centre[1] + rng.uniform(-0.2, 0.1), 0.22
    )
    piece = np.clip(4.0 * piece, 0.0, 1.0)

    def field(t):
        shift = (_centres(shot)[t] - centre) * PULL * 1.5 * strength
        return -shift[0] * piece, -shift[1] * piece

    return _rebuilt(frames, shot, field)


def background_patterns(frames, shot: Shot, strength: float, rng):
    """Patterns that come and go where the background has texture of its own."""
    if not strength:
        return frames
    plate = shot.picture.plate
    detail = np.abs(plate - cv2.GaussianBlur(plate, (0, 0), 0.03 * shot.side)).mean(axis=-1)
    room = 0.35 + np.clip(detail / 0.06, 0.0, 1.5)
    shapes = [ripples(rng, shot.side, cells) * room for cells in (9.0, 14.0)]
    tracks = [0.055 * strength * waves(rng, shot.moments, 1.0, 4.0) for _ in shapes]
    out = np.empty_like(frames)
    for t, frame in enumerate(frames):
        pattern = shapes[0] * tracks[0][t] + shapes[1] * tracks[1][t]
        out[t] = frame + thrice((1.0 - shot.picture.alpha[t]) * pattern)
    return out


def _follow(shot, t, gain, reach):
    shift = (_centres(shot)[t] - _centres(shot)[0]) * gain
    ring = near(face_oval(shot.picture.box[t], shot.side), reach)
    return -shift[0] * ring, -shift[1] * ring


def _rebuilt(frames, shot, field):
    """Each frame with its background displaced by field(t), seen round the figure."""
    plate, out = shot.picture.plate, np.empty_like(frames)
    for t, frame in enumerate(frames):
        out[t] = frame + thrice(1.0 - shot.picture.alpha[t]) * (displace(plate, *field(t)) - plate)
    return out


def _centres(shot):
    """Middle of the face in each frame, fractions of the side [T, 2]."""
    box = shot.picture.box
    return (box[:, :2] + box[:, 2:]) / (2 * shot.side)


# ---- face and head ----------------------------------------------------------------------------------


def bent_face(frames, shot: Shot, strength: np.ndarray, rng, reach: float = 1.5, cells: float = 3.0):
    """The head is bent like rubber, by its own amount in each frame [T]."""
    if not np.any(strength):
        return frames
    shapes = [ripples(rng, shot.side, cells * rng.uniform(0.7, 1.3)) for _ in range(2)]
    tracks = [1.0 + 0.6 * waves(rng, shot.moments, 0.8, 2.5) for _ in shapes]
    out = frames.copy()
    for t in np.flatnonzero(strength > 1e-3):
        held = float(strength[t]) * BEND * near(face_oval(shot.picture.box[t], shot.side), reach)
        out[t] = displace(frames[t], *(held * shape * track[t] for shape, track in zip(shapes, tracks, strict=True)))
    return out


def strayed_limbs(frames, shot: Shot, strength: float, rng):
    """Skin-coloured shapes cross the face, like hands that the generator mistook for part of it."""
    if not strength:
        return frames
    start, length = rng.uniform(0.0, 1.0), rng.uniform(0.4, 1.2)
    seen = np.clip(np.minimum(shot.moments - start, start + length - shot.moments) / 0.08, 0.0, 1.0)
    skin = np.array(shot.scene.portrait.skin, np.float32) * np.float32(rng.uniform(0.7, 1.1))
    out, blobs = frames.copy(), rng.uniform((-0.16, -0.10, 0.05), (0.16, 0.24, 0.11), (3, 3))
    sway = 0.05 * waves(rng, shot.moments, 0.8, 2.0)
    for t in np.flatnonzero(seen):
        x, y = _centres(shot)[t]
        spots = [round_spot(shot.side, x + dx + sway[t], y + dy - sway[t], radius) for dx, dy, radius in blobs]
        out[t] = mix(out[t], skin, min(1.0, 0.9 * strength) * seen[t] * np.clip(3.0 * np.max(spots, axis=0), 0.0, 1.0))
    return out


def halo(frames, shot: Shot, strength: float):
    """The surroundings of the face are blurred."""
    if not strength:
        return frames
    out = np.empty_like(frames)
    for t, frame in enumerate(frames):
        away = face_oval(shot.picture.box[t], shot.side)
        ring = near(np.abs(away - 1.15), 0.40)
        out[t] = mix(frame, _blurred(frame, HALO_BLUR * min(strength, 1.5)), ring * min(1.0, 1.4 * strength))
    return out


def bright_edge(frames, shot: Shot, strength: float):
    """A fringe where the figure was cut out."""
    if not strength:
        return frames
    gain = np.float32(4.0 * 0.35 * strength)
    return np.stack(
        [f + thrice(gain * a * (1.0 - a)) * (1.0 - f) for f, a in zip(frames, shot.picture.alpha, strict=True)]
    )


def static_noise(frames, shot: Shot, strength: float, rng):
    """The head dissolves into coarse noise as it turns away."""
    if not strength:
        return frames
    out = frames.copy()
    for t, turned in enumerate(np.abs(shot.motion.head.yaw)):
        grains = rng.standard_normal((48, 48)).astype(np.float32)
        amount = strength * max(0.0, float(turned) - 0.10) * near(face_oval(shot.picture.box[t], shot.side), 1.3)
        grains = cv2.resize(grains, (shot.side, shot.side), interpolation=cv2.INTER_NEAREST)
        out[t] += thrice((amount * grains).astype(np.float32))
    return out


def smeared_eyes(frames, shot: Shot, strength: float):
    """What lies before the face (lenses, a fringe) melts into it."""
    if not strength:
        return frames
    out = np.empty_like(frames)
    for t, frame in enumerate(frames):
        (x0, y0), (x1, y1) = shot.picture.landmarks[t, :2] / shot.side
        x, y = axes(shot.side)
        band = near(np.hypot((x - (x0 + x1) / 2) / 0.19, (y - (y0 + y1) / 2) / 0.085), 1.0)
        out[t] = mix(frame, _blurred(frame, 0.016 * min(1.5, strength)), band * min(1.0, 1.3 * strength))
    return out


def frozen_locks(frames, shot: Shot, strength: float):
    """Hair outside the head's box stays as it was in the first frame."""
    if not strength:
        return frames
    regions, away = shot.picture.regions, face_oval(shot.picture.box[0], shot.side, grow=1.25)
    held = _blurred(((regions[0] == HAIR) & (away > 1.0)).astype(np.float32), 0.008)
    held *= min(1.0, strength)
    clear = (_blurred((now != FACE).astype(np.float32), 0.008) for now in regions)
    return np.stack([mix(frame, frames[0], held * seen) for frame, seen in zip(frames, clear, strict=True)])


def green_patches(frames, shot: Shot, strength: float, rng):
    """Bright green spots, as of a chroma key that failed."""
    if not strength:
        return frames
    out = frames.copy()
    for _ in range(3):
        dx, dy, radius = rng.uniform((-0.30, -0.30, 0.03), (0.30, 0.25, 0.09))
        start, length = rng.uniform(-0.2, 1.6), rng.uniform(0.2, 0.9)
        for t in np.flatnonzero((shot.moments >= start) & (shot.moments < start + length)):
            x, y = _centres(shot)[t]
            out[t] = mix(
                out[t], GREEN, min(0.9, 0.75 * strength) * np.sqrt(round_spot(shot.side, x + dx, y + dy, radius))
            )
    return out


def _blurred(picture, sigma):
    """Gaussian blur by a share of the side."""
    return cv2.GaussianBlur(picture, (0, 0), max(sigma * picture.shape[0], 0.05), borderType=cv2.BORDER_REPLICATE)
