"""Hallo3, never trained on: Hallo's lips and hair, in a background that moves by itself."""

from thb.rendered.fakes import motion_faults, pixel_faults
from thb.rendered.fakes.generator import Format, Generator


class Simulation(Generator):
    """Driven by audio, on a slightly smaller frame."""

    format = Format(shapes=(("25", 0.9375),), crf=(15.0, 20.0), audio="mp3")
    chances = {"late_lips": 0.7, "stuck_hair": 0.5, "unstable_background": 0.7}

    def act(self, scene, faults):
        motion = motion_faults.late_lips(scene, scene.motion, faults["late_lips"])
        return motion_faults.stuck_hair(motion, faults["stuck_hair"])

    def paint(self, shot):
        strength, rng = shot.faults["unstable_background"], shot.faults.rng("unstable_background")
        return pixel_faults.unstable_background(shot.picture.rgb, shot, strength, rng)
