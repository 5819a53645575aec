"""EMOPortraits: a floating head, a blurred halo, trouble off-axis, eyes through dark glasses, green spots."""

from thb.rendered.fakes import motion_faults, pixel_faults
from thb.rendered.fakes.generator import Format, Generator
from thb.rendered.heads.renderer import Look


class Simulation(Generator):
    """Driven by video."""

    format = Format(crf=(13.5, 18.5))
    driven_by = "video"
    chances = {
        "floating": 0.7,
        "halo": 0.7,
        "edge": 0.5,
        "shrinking": 0.5,
        "static": 0.3,
        "see_through": 0.8,
        "odd_pupils": 0.4,
        "green": 0.5,
    }

    def act(self, scene, faults):
        motion = motion_faults.floating(scene.motion, scene.moments, faults["floating"], faults.rng("floating"))
        motion = motion_faults.shrinking(motion, faults["shrinking"])
        if scene.portrait.glasses == "none":
            return motion
        return motion_faults.odd_pupils(motion, scene.moments, faults["odd_pupils"], faults.rng("odd_pupils"))

    def look(self, scene, faults):
        shown = min(1.0, faults["see_through"])
        return Look(lens_opacity=1.0 - 0.7 * shown if shown and scene.portrait.glasses == "dark" else None)

    def paint(self, shot):
        faults = shot.faults
        frames = pixel_faults.halo(shot.picture.rgb, shot, faults["halo"])
        frames = pixel_faults.bright_edge(frames, shot, faults["edge"])
        frames = pixel_faults.static_noise(frames, shot, faults["static"], faults.rng("static"))
        return pixel_faults.green_patches(frames, shot, faults["green"], faults.rng("green"))
