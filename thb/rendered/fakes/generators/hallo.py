"""Hallo: lips late, hair that sticks to the wall, lenses that melt into the face, a background pulled along."""

from thb.rendered.fakes import motion_faults, pixel_faults
from thb.rendered.fakes.generator import Format, Generator


class Simulation(Generator):
    """Driven by audio."""

    format = Format(crf=(13.5, 18.5))
    chances = {"late_lips": 0.8, "stuck_hair": 0.6, "smeared_eyes": 0.5, "pulled_background": 0.8}

    def act(self, scene, faults):
        motion = motion_faults.late_lips(scene, scene.motion, faults["late_lips"])
        return motion_faults.stuck_hair(motion, faults["stuck_hair"])

    def paint(self, shot):
        frames = pixel_faults.pulled_background(shot.picture.rgb, shot, shot.faults["pulled_background"])
        return pixel_faults.smeared_eyes(frames, shot, shot.faults["smeared_eyes"])
