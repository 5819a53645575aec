"""FaceSwap, as in FaceForensics++: somebody else's inner face, laid over the target's with a seam."""

from dataclasses import replace

import cv2
import numpy as np

from thb.rendered.fakes.generator import Format, Generator
from thb.rendered.fakes.warps import face_oval, mix, near
from thb.rendered.heads.renderer import render
from thb.rendered.truth import FACE

INNER = 0.80  # of the face's oval: what is swapped
SEAM = 0.25  # how soft its edge is, where nothing goes wrong
SHRINKAGE = 1.2  # how much smaller than the picture a plain fault makes the new face


class Simulation(Generator):
    """The donor wears the target's motion, made small and enlarged; colours match badly, the edge is too hard."""

    format = Format(crf=(13.5, 19.5), audio=None)
    driven_by = "video"
    chances = {"colour": 1.0, "hard_seam": 0.8, "small": 1.0}

    def paint(self, shot):
        scene, picture = shot.scene, shot.picture
        assert scene.donor is not None  # the plan of a swap names one
        donor = render(replace(scene.donor, glasses=scene.portrait.glasses), shot.motion, shot.side)
        gain = self._match(picture, donor, shot.faults)
        made_at = max(8, round(shot.side / (1.0 + SHRINKAGE * shot.faults["small"])))
        softness = SEAM / (1.0 + 3.0 * min(1.0, shot.faults["hard_seam"]))
        out = np.empty_like(picture.rgb)
        for t, frame in enumerate(picture.rgb):
            away = face_oval(picture.box[t], shot.side)
            share = np.clip((INNER - away) / softness + 0.5, 0.0, 1.0) * (picture.regions[t] >= FACE)
            out[t] = mix(frame, np.minimum(_enlarged(donor.rgb[t], made_at) * gain, 1.0), share)
        return out

    def _match(self, target, donor, faults):
        """What to multiply the donor's skin by, per colour: the exact ratio, less the mismatch."""
        means = [
            p.rgb[0][(p.regions[0] == FACE) & (near(face_oval(p.box[0], p.rgb.shape[1]), INNER) > 0)].mean(axis=0)
            for p in (target, donor)
        ]
        tint = faults.rng("colour").normal(0.0, 0.09, 3)
        return (np.clip(means[0] / means[1], 0.4, 2.5) * np.exp(faults["colour"] * tint)).astype(np.float32)


def _enlarged(frame, side):
    """The frame [S, S, 3] as a network of `side` px would have made it."""
    small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
