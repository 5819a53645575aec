"""Names as the release writes them, with every shape that has tripped a parser up."""

import string

import numpy as np

ID_LENGTH = 11  # a YouTube id
ENDS = string.ascii_letters + string.digits
ALPHABET = ENDS + "_-"
N_PORTRAITS = 70_000  # FFHQ
N_FFPP = 1_000
SAME_VIDEO = 0.15  # how often a clip comes from the same YouTube video as the one before

# Shapes seen in the release: a leading dash, two dashes in a row, an ending `_0_1`, underscores near the start.
AWKWARD = (
    lambda video: "-" + video[1:],
    lambda video: video[:4] + "--" + video[6:],
    lambda video: video[:-2] + "_0",
    lambda video: "_" + video[1:5] + "_" + video[6:],
)


def portrait_ids(rng: np.random.Generator, n: int, share: int, shares: int) -> list[str]:
    """`n` five-digit FFHQ indices, the first with leading zeros; no two of the `shares` have one in common."""
    first = share + shares * rng.integers(10, 300)
    rest = share + shares * rng.permutation(N_PORTRAITS // shares)[:n]
    return [f"{index:05d}" for index in dict.fromkeys([first, *rest])][:n]


def driver_ids(rng: np.random.Generator, n: int) -> list[str]:
    """`n` clip names `<YouTube id>_<number>`; the awkward shapes come first, whatever `n`."""
    ids: list[str] = []
    while len(ids) < n:
        awkward = AWKWARD[len(ids)] if len(ids) < len(AWKWARD) else None
        again = awkward is None and rng.random() < SAME_VIDEO
        video = video_of(ids[-1]) if again else _video_id(rng, awkward)
        number = 1 if video.endswith("_0") else int(rng.integers(30))
        if f"{video}_{number}" not in ids:
            ids.append(f"{video}_{number}")
    return ids


def ffpp_ids(rng: np.random.Generator, n: int) -> list[str]:
    """`n` of FaceForensics++'s three-digit names."""
    return [f"{index:03d}" for index in rng.permutation(N_FFPP)[:n]]


def video_of(driver: str) -> str:
    """The YouTube id of a clip name: who speaks in it."""
    return driver.rsplit("_", 1)[0]


def without_dash(driver: str) -> str:
    """A driver's name as some fakes carry it: the leading dash is lost."""
    return driver.removeprefix("-")


def _video_id(rng, awkward) -> str:
    """Eleven characters that begin and end in a letter or digit, unless made awkward."""
    middle = "".join(ALPHABET[k] for k in rng.integers(len(ALPHABET), size=ID_LENGTH - 2))
    first, last = (ENDS[k] for k in rng.integers(len(ENDS), size=2))
    video = first + middle + last
    return awkward(video) if awkward else video
