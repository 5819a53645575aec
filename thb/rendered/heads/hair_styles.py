"""Haircuts, as numbers: volume, hairline, opening for the face, ends, and how the strands run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """Shape of a haircut; angles in radians from the front, heights in half head heights."""

    top: float = 0.10  # volume above the skull
    side: float = 0.05  # volume at the sides
    fall: tuple = ((0.5, 0.70), (0.9, 0.60))  # (height, half width) of the shell below the ears
    hairline: tuple = ((0.0, -0.60), (0.5, -0.54), (0.85, -0.42), (1.1, -0.30))  # (angle, height)
    opening: tuple = (
        (-0.3, 0.95),
        (0.0, 1.14),
        (0.12, 1.22),
        (0.2, 1.9),
    )  # (height, angle) of the face's window
    length: float = 0.55  # height of the ends
    ragged: float = 0.03  # how uneven hairline and ends are
    sweep: float = 0.0  # how far strands lean from the parting
    wave: float = 0.0  # sideways reach of each strand, radians
    wave_rate: float = 7.0  # radians of wave per unit of height
    curl: float = 0.0  # 0 straight .. 1 coiled
    frizz: float = 0.010  # roughness of the silhouette
    sheer: float = 1.0  # opacity
    behind: bool = False  # hair falls behind the neck
    bun: float = 0.0  # radius
    parted: float = 0.0  # how far from the middle the parting may lie
    swoop: float = 0.0  # hairline lower on one side


_TO_SHOULDER = ((0.3, 0.79), (0.8, 0.85), (1.2, 0.90), (1.5, 0.86), (1.75, 0.70))
_CURTAINS = (
    (0.0, -0.76),
    (0.2, -0.72),
    (0.45, -0.58),
    (0.7, -0.40),
    (0.9, -0.14),
    (1.05, 0.3),
)  # from the parting to the cheeks
_LONG_OPENING = ((-0.5, 0.80), (-0.2, 0.96), (0.1, 1.02), (0.4, 0.98), (0.7, 0.82), (1.1, 0.64), (1.6, 0.60))
_SHORT_SIDES = ((-0.5, 0.92), (-0.3, 1.02), (0.0, 1.14), (0.10, 1.20), (0.17, 1.4), (0.24, 2.0))
_HIGH = ((0.0, -0.68), (0.35, -0.67), (0.65, -0.60), (0.9, -0.46), (1.1, -0.3))
_FRINGE = ((0.0, -0.35), (0.5, -0.32), (0.8, -0.26), (1.05, -0.12))

STYLES = {
    "crop": Style(
        top=0.030,
        side=0.016,
        hairline=_HIGH,
        opening=_SHORT_SIDES,
        ragged=0.014,
        frizz=0.004,
        sheer=0.84,
        curl=0.5,
    ),
    "short": Style(
        top=0.115,
        side=0.040,
        hairline=_HIGH,
        opening=_SHORT_SIDES,
        sweep=0.45,
        ragged=0.040,
        frizz=0.022,
        parted=0.3,
        swoop=0.07,
    ),
    "swept": Style(
        top=0.19,
        side=0.030,
        hairline=_HIGH,
        opening=_SHORT_SIDES,
        sweep=0.8,
        ragged=0.022,
        frizz=0.024,
        wave=0.03,
        parted=0.6,
    ),
    "receding": Style(
        top=0.025,
        side=0.04,
        hairline=((0.0, -0.86), (0.3, -0.92), (0.6, -0.92), (0.9, -0.66), (1.1, -0.35)),
        opening=_SHORT_SIDES,
        ragged=0.03,
        sheer=0.9,
        sweep=0.3,
    ),
    "fringe": Style(
        top=0.11,
        side=0.065,
        hairline=((0.0, -0.40), (0.5, -0.38), (0.8, -0.32), (1.05, -0.20)),
        ragged=0.055,
        frizz=0.018,
        swoop=0.07,
        opening=((-0.3, 0.95), (0.0, 1.08), (0.15, 1.2), (0.24, 1.35), (0.32, 2.0)),
    ),
    "pixie": Style(
        top=0.13,
        side=0.05,
        sweep=0.7,
        hairline=((0.0, -0.64), (0.35, -0.58), (0.7, -0.40), (1.0, -0.16)),
        ragged=0.05,
        frizz=0.022,
        parted=1.0,
        opening=((-0.3, 0.98), (0.0, 1.10), (0.16, 1.18), (0.28, 1.28), (0.36, 2.0)),
    ),
    "bob": Style(
        top=0.095,
        side=0.095,
        fall=((0.3, 0.82), (0.6, 0.84), (0.85, 0.77), (1.05, 0.6)),
        hairline=_CURTAINS,
        length=0.90,
        ragged=0.030,
        sweep=0.6,
        opening=((-0.5, 0.80), (-0.2, 0.98), (0.1, 1.04), (0.4, 0.98), (0.7, 0.86), (1.0, 0.90)),
        parted=1.0,
        behind=True,
    ),
    "fringe_long": Style(
        top=0.095,
        side=0.08,
        fall=_TO_SHOULDER,
        hairline=_FRINGE,
        opening=_LONG_OPENING,
        length=1.6,
        ragged=0.045,
        behind=True,
    ),
    "long_straight": Style(
        top=0.085,
        side=0.065,
        fall=_TO_SHOULDER,
        hairline=_CURTAINS,
        opening=_LONG_OPENING,
        length=1.62,
        ragged=0.045,
        sweep=0.6,
        parted=1.0,
        behind=True,
    ),
    "long_wavy": Style(
        top=0.125,
        side=0.11,
        fall=((0.3, 0.88), (0.8, 0.97), (1.2, 1.0), (1.5, 0.92), (1.75, 0.7)),
        hairline=_CURTAINS,
        opening=_LONG_OPENING,
        length=1.5,
        ragged=0.08,
        sweep=0.6,
        wave=0.13,
        frizz=0.035,
        parted=1.0,
        behind=True,
    ),
    "curly": Style(
        top=0.20,
        side=0.20,
        fall=((0.3, 0.95), (0.65, 0.95), (0.95, 0.78), (1.1, 0.5)),
        length=0.80,
        ragged=0.08,
        curl=0.42,
        wave=0.085,
        wave_rate=21.0,
        frizz=0.055,
        behind=True,
        hairline=((0.0, -0.60), (0.5, -0.54), (0.8, -0.42), (1.0, -0.1)),
        opening=((-0.5, 0.62), (-0.3, 0.80), (0.0, 0.92), (0.4, 0.94), (0.8, 0.95)),
    ),
    "afro": Style(
        top=0.33,
        side=0.26,
        fall=((0.18, 0.90), (0.34, 0.80), (0.48, 0.60)),
        length=0.5,
        ragged=0.04,
        curl=1.0,
        frizz=0.04,
        behind=True,
        hairline=((0.0, -0.64), (0.5, -0.58), (0.8, -0.44), (1.0, -0.1)),
        opening=((-0.5, 0.66), (-0.25, 0.86), (0.0, 0.94), (0.25, 1.02), (0.5, 1.2)),
    ),
    "bun": Style(top=0.045, side=0.020, hairline=_HIGH, opening=_SHORT_SIDES, ragged=0.016, frizz=0.006, bun=0.30),
    "tied": Style(
        top=0.060,
        side=0.025,
        hairline=_HIGH,
        opening=_SHORT_SIDES,
        ragged=0.018,
        sweep=0.6,
        frizz=0.010,
        parted=0.7,
    ),
}
