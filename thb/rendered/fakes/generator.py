"""What a simulated generator is: a container format, a list of faults, and where each fault strikes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from thb.rendered.heads.motion import Motion
from thb.rendered.heads.portraits import Portrait
from thb.rendered.heads.renderer import Look, Rendered
from thb.rendered.heads.voice import Voice
from thb.rendered.seeds import seed_of, stream

DRIVERS_FPS = "driver"  # the fake keeps the frame rate of the video that drives it


@dataclass(frozen=True)
class Format:
    """How a generator's files are written; one of `shapes` (fps, side against the corpus's) is drawn a clip."""

    shapes: tuple[tuple[str, float], ...] = (("25", 1.0),)
    crf: tuple[float, float] = (13.5, 18.5)
    audio: str | None = "aac"


@dataclass(frozen=True)
class Faults:
    """How strongly each fault shows in one clip (0 = not at all, about 1 = plain to see), and its own chance."""

    seed: int = 0
    strength: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        return self.strength[name]

    def rng(self, name: str) -> np.random.Generator:
        """The fault's own stream: the same at every size and strength."""
        return stream(self.seed, name)


def draw_faults(seed: int, chances: Mapping[str, float], severity: tuple[float, float], scale: float) -> Faults:
    """Faults of one clip: a common severity (median, spread in log units), and each fault at its chance."""
    rng = stream(seed, "severity")
    median, spread = severity
    common = scale * median * np.exp(spread * rng.standard_normal())
    strength = {}
    for name, chance in chances.items():
        shows, share = rng.random() < chance, rng.uniform(0.5, 1.2)
        strength[name] = float(common * share) if shows else 0.0
    return Faults(seed_of(seed, "faults"), strength)


@dataclass(frozen=True)
class Scene:
    """The clean ingredients of one clip."""

    portrait: Portrait
    donor: Portrait | None  # whose face is swapped in
    motion: Motion  # as it should be
    voice: Voice
    fps: float
    moments: np.ndarray  # float32 [T] seconds


@dataclass(frozen=True)
class Shot:
    """Frames as drawn, before what goes wrong in pixels; a preview holds only some of the scene's frames."""

    scene: Scene
    motion: Motion  # as it was drawn
    moments: np.ndarray  # float32 [T] seconds
    picture: Rendered
    faults: Faults

    @property
    def side(self) -> int:
        return self.picture.rgb.shape[1]


class Generator:
    """A faithful renderer; a simulated generator overrides what its namesake gets wrong."""

    format = Format()
    driven_by: str | None = "audio"  # 'video': it copies the driver's motion; None: it takes no driver
    chances: Mapping[str, float] = {}  # fault -> how often it occurs

    def act(self, scene: Scene, faults: Faults) -> Motion:
        """How the figure moves."""
        return scene.motion

    def look(self, scene: Scene, faults: Faults) -> Look:
        """How the figure is drawn."""
        return Look()

    def paint(self, shot: Shot) -> np.ndarray:
        """The frames after what goes wrong in pixels, float32 [T, S, S, 3]."""
        return shot.picture.rgb
