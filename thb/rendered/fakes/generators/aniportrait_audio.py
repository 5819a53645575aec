"""AniPortrait from audio: jerks, swings or a rigid pose, a second row of teeth, restless pupils behind glasses."""

from thb.rendered.fakes import motion_faults
from thb.rendered.fakes.generator import Format, Generator
from thb.rendered.heads.renderer import Look


class Simulation(Generator):
    """Driven by audio, always at 30 frames a second."""

    format = Format(shapes=(("30", 1.0),), crf=(13.0, 17.5))
    chances = {"late_lips": 0.6, "jerks": 0.6, "shaking": 0.5, "rigid_pose": 0.3, "teeth_rows": 0.7, "odd_pupils": 0.8}

    def act(self, scene, faults):
        motion = motion_faults.late_lips(scene, scene.motion, faults["late_lips"])
        motion = motion_faults.rigid_pose(motion, faults["rigid_pose"])
        motion = motion_faults.jerks(motion, scene.moments, faults["jerks"], faults.rng("jerks"))
        motion = motion_faults.shaking(motion, scene.moments, faults["shaking"], faults.rng("shaking"))
        if scene.portrait.glasses == "none":
            return motion
        return motion_faults.odd_pupils(motion, scene.moments, faults["odd_pupils"], faults.rng("odd_pupils"))

    def look(self, scene, faults):
        return Look(teeth_rows=1.0 + min(1.0, faults["teeth_rows"]))
