"""Who is drawn: one person, their clothes, light and room, as plain numbers."""

import colorsys
from dataclasses import dataclass

import numpy as np

from thb.rendered.heads.palettes import (
    BACKGROUNDS,
    CLOTH_HUES,
    CLOTHES,
    COILED,
    GREY,
    HAIRS,
    IRISES,
    SKINS,
    STYLES_FEMALE,
    STYLES_MALE,
    Colour,
)


@dataclass(frozen=True)
class Portrait:
    """A person and their surroundings; lengths in half head heights unless said otherwise."""

    seed: int  # for every texture of this person
    # framing, in fractions of the frame side
    size: float  # crown to chin
    center_x: float
    center_y: float
    # build
    age: float  # 0 young .. 1 old
    masculine: float  # 0 .. 1
    temple: float  # half widths of the head's outline
    cheek: float
    jaw: float
    chin: float
    asymmetry: float  # -1 .. 1
    # skin
    skin: Colour
    blush: Colour
    flush: float  # 0 .. 1 how red the cheeks are
    freckles: float  # 0 .. 1
    # hair
    hair_style: str
    hair_colour: Colour
    hair_volume: float
    hair_part: float  # -1 .. 1, where it is parted
    # eyes and brows
    iris: Colour
    eye_size: float
    eye_open: float
    eye_tilt: float
    eye_x: float  # from the face's axis
    lid_fold: float  # 0 single .. 1 deep crease
    lashes: float  # 0 .. 1
    brow_colour: Colour
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    # nose and mouth
    nose_width: float
    nose_length: float
    nose_height: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_colour: Colour
    smile: float  # -0.3 .. 1
    # what they wear
    beard: str  # none, stubble, moustache, goatee, full
    glasses: str  # none, clear, dark
    frame_colour: Colour
    frame_round: float  # 0 square .. 1 round
    clothes: str
    cloth_colour: Colour
    inner_colour: Colour
    # where they are
    background: str
    wall_colour: Colour
    accent_colour: Colour
    light: Colour  # unit vector towards the key light (x right, y down, z to the viewer)
    key_colour: Colour
    fill: float  # 0 .. 1


def draw_portrait(rng: np.random.Generator) -> Portrait:
    """One plausible person: hair goes with skin, grey with age, clothes with the room."""
    masculine = float(np.clip(rng.normal(0.85 if rng.random() < 0.5 else 0.15, 0.1), 0.0, 1.0))
    age = float(rng.beta(1.6, 2.2))
    group, skin_traits = _draw_skin(rng, masculine)
    hair_traits = _draw_hair(rng, group, age, masculine)
    return Portrait(
        seed=int(rng.integers(2**31)),
        size=_between(rng, 0.62, 0.68),
        center_x=_between(rng, 0.485, 0.515),
        center_y=_between(rng, 0.47, 0.49),
        age=age,
        masculine=masculine,
        asymmetry=_between(rng, -1.0, 1.0),
        **_draw_outline(rng, masculine),
        **skin_traits,
        **hair_traits,
        **_draw_eyes(rng, group, masculine, hair_traits["hair_colour"]),
        **_draw_nose_and_mouth(rng, group, masculine, skin_traits),
        **_draw_wear(rng, masculine, group),
        **_draw_room(rng),
    )


def _between(rng, low, high) -> float:
    return float(rng.uniform(low, high))


def _pick(rng, options):
    return options[int(rng.integers(len(options)))]


def _mix(first, second, share) -> Colour:
    red, green, blue = (float(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _shade(colour, factor) -> Colour:
    red, green, blue = (float(np.clip(channel * factor, 0.0, 1.0)) for channel in colour)
    return red, green, blue


def _hsv(hue, saturation, value) -> Colour:
    red, green, blue = (float(channel) for channel in colorsys.hsv_to_rgb(hue % 1.0, saturation, value))
    return red, green, blue


def _draw_outline(rng, masculine):
    jaw = float(np.clip(0.505 + 0.035 * masculine + rng.normal(0.0, 0.028), 0.45, 0.60))
    chin = 0.285 + 0.05 * masculine + rng.normal(0.0, 0.022)
    return {
        "temple": float(0.638 + rng.normal(0.0, 0.018)),
        "cheek": float(0.628 + 0.012 * masculine + rng.normal(0.0, 0.024)),
        "jaw": jaw,
        "chin": float(np.clip(chin, 0.24, 0.60 * jaw)),  # a wider chin would pinch the outline above it
    }


def _draw_skin(rng, masculine):
    first = int(rng.integers(len(SKINS)))
    second = int(np.clip(first + rng.integers(-1, 2), 0, len(SKINS) - 1))
    share = rng.random() * 0.5
    skin = _mix(SKINS[first][0], SKINS[second][0], share)
    blush = _mix(SKINS[first][1], SKINS[second][1], share)
    group = SKINS[first][2]
    freckles = _between(rng, 0.3, 1.0) if group == "fair" and rng.random() < 0.35 else 0.0
    flush = _between(rng, 0.25, 0.7) - 0.15 * masculine
    return group, {"skin": skin, "blush": blush, "flush": float(flush), "freckles": freckles}


def _draw_hair(rng, group, age, masculine):
    style = _draw_style(rng, group, age, masculine)
    colour = _mix(_pick(rng, HAIRS[group]), _pick(rng, HAIRS[group]), rng.random() * 0.3)
    grey = np.clip((age - 0.55) * 2.2 + rng.normal(0.0, 0.15), 0.0, 0.95) if age > 0.5 else 0.0
    part = float(_pick(rng, (-1.0, 1.0)) * rng.uniform(0.3, 0.8))
    return {
        "hair_style": style,
        "hair_colour": _mix(colour, GREY, grey),
        "hair_volume": _between(rng, 0.8, 1.2),
        "hair_part": part,
    }


def _draw_style(rng, group, age, masculine):
    style = _pick(rng, STYLES_MALE if masculine > 0.5 else STYLES_FEMALE)
    if style in COILED and group != "deep" and rng.random() < 0.6:
        return "short" if masculine > 0.5 else "long_wavy"
    if group == "deep" and style in ("long_straight", "fringe", "swept") and rng.random() < 0.7:
        return _pick(rng, ("crop", "bald", "afro") if masculine > 0.5 else ("afro", "curly", "bun"))
    if style in ("receding", "bald") and age < 0.35:
        return "crop"
    return style


def _draw_eyes(rng, group, masculine, hair_colour):
    return {
        "iris": _pick(rng, IRISES[group]),
        "eye_size": float(1.0 + 0.04 * (1 - masculine) + rng.normal(0.0, 0.04)),
        "eye_open": float(np.clip(1.0 + 0.08 * (1 - masculine) + rng.normal(0.0, 0.09), 0.78, 1.25)),
        "eye_tilt": _between(rng, -0.02, 0.12),
        "eye_x": float(0.292 + rng.normal(0.0, 0.008)),
        "lid_fold": _between(rng, 0.1, 1.0),
        "lashes": float(np.clip(1.0 - 0.85 * masculine + rng.normal(0.0, 0.1), 0.1, 1.0)),
        "brow_colour": _shade(_mix(hair_colour, (0.16, 0.11, 0.08), 0.45), 0.9),
        "brow_thickness": float(0.034 + 0.013 * masculine + rng.normal(0.0, 0.004)),
        "brow_arch": float(np.clip(0.055 - 0.02 * masculine + rng.normal(0.0, 0.015), 0.015, 0.09)),
        "brow_tilt": float(rng.normal(0.03, 0.05)),
    }


def _draw_nose_and_mouth(rng, group, masculine, skin):
    full = {"fair": 0.0, "light": 0.1, "dark": 0.35, "deep": 0.9}[group]
    natural = _mix(skin["skin"], skin["blush"], 0.75)
    painted = _pick(rng, ((0.66, 0.25, 0.26), (0.72, 0.36, 0.36), (0.55, 0.20, 0.25), (0.76, 0.42, 0.38)))
    makeup = _between(rng, 0.1, 0.75) if masculine < 0.5 else 0.0
    return {
        "nose_width": float(0.135 + 0.028 * full + 0.012 * masculine + rng.normal(0.0, 0.009)),
        "nose_length": float(rng.normal(0.0, 0.018)),
        "nose_height": float(np.clip(0.19 - 0.03 * full + rng.normal(0.0, 0.02), 0.13, 0.25)),
        "mouth_width": float(0.272 + 0.012 * full + rng.normal(0.0, 0.014)),
        "lip_upper": float(0.048 + 0.024 * full - 0.010 * masculine + rng.normal(0.0, 0.005)),
        "lip_lower": float(0.070 + 0.024 * full - 0.010 * masculine + rng.normal(0.0, 0.006)),
        "lip_colour": _mix(_shade(natural, 0.92), _shade(painted, 0.6 + 0.4 * skin["skin"][0]), makeup),
        "smile": _between(rng, 0.25, 1.0),
    }


def _draw_wear(rng, masculine, group):
    beard = (
        _pick(rng, ("none", "none", "none", "stubble", "stubble", "moustache", "goatee", "full"))
        if masculine > 0.5
        else "none"
    )
    glasses = _pick(rng, ("none",) * 7 + ("clear",) * 3 + ("dark",) * 2)
    frames = (
        (0.10, 0.09, 0.09),
        (0.30, 0.19, 0.12),
        (0.45, 0.42, 0.40),
        (0.16, 0.18, 0.26),
        (0.50, 0.40, 0.24),
    )
    hue = _pick(rng, CLOTH_HUES) + rng.normal(0.0, 0.015)
    inner = _pick(rng, ((0.92, 0.91, 0.89), (0.78, 0.83, 0.88), (0.24, 0.25, 0.28), (0.86, 0.82, 0.76)))
    return {
        "beard": beard,
        "glasses": glasses,
        "frame_colour": _pick(rng, frames),
        "frame_round": _between(rng, 0.0, 1.0),
        "clothes": _pick(rng, CLOTHES),
        "cloth_colour": _hsv(hue, rng.uniform(0.06, 0.36), rng.uniform(0.20, 0.66)),
        "inner_colour": inner,
    }


def _draw_room(rng):
    hue = _pick(rng, (0.09, 0.10, 0.58, 0.55, 0.62, 0.45, 0.30, 0.05))
    side = _pick(rng, (-1.0, 1.0))
    light = np.array([side * rng.uniform(0.35, 0.75), -rng.uniform(0.35, 0.65), rng.uniform(0.65, 0.9)])
    warmth = rng.uniform(-0.4, 1.0)
    return {
        "background": _pick(rng, BACKGROUNDS),
        "wall_colour": _hsv(hue + rng.normal(0.0, 0.02), rng.uniform(0.06, 0.24), rng.uniform(0.38, 0.78)),
        "accent_colour": _hsv(hue + 0.5 + rng.normal(0.0, 0.05), rng.uniform(0.15, 0.40), rng.uniform(0.35, 0.65)),
        "light": tuple(float(part) for part in light / np.linalg.norm(light)),
        "key_colour": (1.0, 1.0 - 0.03 * max(warmth, 0.0), 1.0 - 0.09 * warmth if warmth > 0 else 1.0),
        "fill": _between(rng, 0.30, 0.60),
    }
