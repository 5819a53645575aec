"""MAGI-1, never trained on: nearly faithful; face and background bend a little, and nobody speaks."""

import numpy as np

from thb.rendered.fakes import pixel_faults
from thb.rendered.fakes.generator import Format, Generator


class Simulation(Generator):
    """Takes a picture and no driver; its files have no audio track."""

    format = Format(shapes=(("24", 1.125),), crf=(13.5, 18.5), audio=None)
    driven_by = None
    chances = {"bent_face": 0.6, "unstable_background": 0.6}

    def paint(self, shot):
        faults = shot.faults
        frames = pixel_faults.unstable_background(
            shot.picture.rgb, shot, faults["unstable_background"], faults.rng("unstable_background")
        )
        bend = np.full(len(frames), 0.7 * faults["bent_face"])
        return pixel_faults.bent_face(frames, shot, bend, faults.rng("bent_face"))
