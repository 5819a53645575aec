"""AniPortrait from video: heads that explode, limbs of the driver, a swaying background, hair cut short."""

import numpy as np

from thb.rendered.fakes import pixel_faults
from thb.rendered.fakes.generator import DRIVERS_FPS, Format, Generator
from thb.rendered.heads.renderer import Look

CALM = 0.10  # radians a head may turn before the face begins to bend
EXPLOSION = 2.5  # times as much as an ordinary bend


class Simulation(Generator):
    """Driven by video, whose frame rate it keeps; most of its renders fail."""

    format = Format(shapes=((DRIVERS_FPS, 1.0),), crf=(13.0, 17.5))
    driven_by = "video"
    chances = {"explosion": 0.35, "bent_face": 0.8, "strayed_limbs": 0.35, "unstable_background": 0.9, "hair_cut": 0.5}

    def look(self, scene, faults):
        return Look(hair_cut=min(1.0, faults["hair_cut"]) if scene.portrait.masculine < 0.5 else 0.0)

    def paint(self, shot):
        faults, frames = shot.faults, shot.picture.rgb
        frames = pixel_faults.unstable_background(
            frames, shot, faults["unstable_background"], faults.rng("unstable_background")
        )
        frames = pixel_faults.bent_face(frames, shot, self._bend(shot), faults.rng("bent_face"))
        frames = pixel_faults.bent_face(
            frames, shot, self._explosion(shot), faults.rng("explosion"), reach=1.9, cells=4.5
        )
        return pixel_faults.strayed_limbs(frames, shot, faults["strayed_limbs"], faults.rng("strayed_limbs"))

    def _bend(self, shot):
        """More the further the head sways from where it began."""
        head = shot.motion.head
        swayed = np.abs(head.yaw - head.yaw[0]) + 4.0 * np.abs(head.x - head.x[0])
        return shot.faults["bent_face"] * np.clip(swayed / CALM - 0.3, 0.0, 1.5)

    def _explosion(self, shot):
        """A burst somewhere in the clip."""
        middle = shot.faults.rng("burst").uniform(0.2, 1.4)
        return EXPLOSION * shot.faults["explosion"] * np.exp(-(((shot.moments - middle) / 0.3) ** 2))
