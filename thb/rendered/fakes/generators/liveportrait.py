"""LivePortrait: a head that grows as it moves aside, a bent face, objects dragged along, lips that stay shut."""

import numpy as np

from thb.rendered.fakes import motion_faults, pixel_faults
from thb.rendered.fakes.generator import Format, Generator


class Simulation(Generator):
    """Driven by video; small files at few frames a second, and large ones."""

    format = Format(shapes=(("10", 0.625), ("29", 1.25)), crf=(14.0, 18.5))
    driven_by = "video"
    chances = {"pumping": 0.8, "bent_face": 0.6, "dragged_object": 0.5, "idle_lips": 0.4}

    def act(self, scene, faults):
        motion = motion_faults.pumping(scene.motion, faults["pumping"])
        return motion_faults.idle_lips(motion, faults["idle_lips"])

    def paint(self, shot):
        faults, head = shot.faults, shot.motion.head
        frames = pixel_faults.dragged_object(
            shot.picture.rgb, shot, faults["dragged_object"], faults.rng("dragged_object")
        )
        moved = np.clip(np.abs(head.yaw - head.yaw[0]) / 0.10 + np.abs(head.x - head.x[0]) / 0.02, 0.0, 1.5)
        return pixel_faults.bent_face(frames, shot, faults["bent_face"] * moved, faults.rng("bent_face"), cells=1.6)
