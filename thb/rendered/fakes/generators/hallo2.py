"""Hallo2: lips late or idle, locks frozen beside a moving head, a bent face, patterns in the background."""

import numpy as np

from thb.rendered.fakes import motion_faults, pixel_faults
from thb.rendered.fakes.generator import Format, Generator


class Simulation(Generator):
    """Driven by audio; the only one of the six whose sound is MP3."""

    format = Format(crf=(15.0, 20.0), audio="mp3")
    chances = {"idle_lips": 0.35, "late_lips": 0.6, "frozen_locks": 0.6, "bent_face": 0.5, "background_patterns": 0.7}

    def act(self, scene, faults):
        motion = motion_faults.late_lips(scene, scene.motion, faults["late_lips"])
        return motion_faults.idle_lips(motion, faults["idle_lips"])

    def paint(self, shot):
        faults, frames = shot.faults, shot.picture.rgb
        frames = pixel_faults.background_patterns(
            frames, shot, faults["background_patterns"], faults.rng("background_patterns")
        )
        frames = pixel_faults.frozen_locks(frames, shot, faults["frozen_locks"])
        bend = np.full(len(frames), 0.6 * faults["bent_face"])
        return pixel_faults.bent_face(frames, shot, bend, faults.rng("bent_face"), reach=1.2)
