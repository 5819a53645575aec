"""The release's file names: what each says of portrait, driver and video."""

from __future__ import annotations

import re
from typing import NamedTuple

YOUTUBE_LENGTH = 11  # characters of a YouTube id
VIDEO = re.compile(rf"[A-Za-z0-9_-]{{{YOUTUBE_LENGTH}}}")

FAKE = re.compile(r"(?P<portrait>\d{5})--(?P<driver>.+_\d+)--(?P<generator>[A-Za-z0-9]+)")
UNSEEN = re.compile(r"(?P<portrait>\d{5})-(?P<driver>.+_\d+)")
PORTRAIT_ONLY = re.compile(r"(?P<portrait>\d{5})")
SWAP = re.compile(r"(?P<target>\d{3})_(?P<donor>\d{3})")
FFPP = re.compile(r"\d{3}")
CELEB = re.compile(r".+_\d+")


class Name(NamedTuple):
    """Who is shown (FFHQ index or FF++ id), which clip drives it, and from which video that clip is."""

    portrait: str
    driver: str
    video: str


def parse_fake(stem: str, folder: str) -> Name | None:
    """`<ffhq5>--<driver>--<Gen>`, the generator as its folder is called; None where it does not fit.

    A driver's video has an id of YouTube's length; for any other, who drives the face is unknown.
    """
    match = FAKE.fullmatch(stem)
    return _fake(match) if match and match["generator"] == folder else None


def parse_unseen(stem: str) -> Name | None:
    """`<ffhq5>-<driver>` or `<ffhq5>` alone; two dashes are a driver that begins with one."""
    match = UNSEEN.fullmatch(stem) or PORTRAIT_ONLY.fullmatch(stem)
    return _fake(match) if match else None


def parse_swap(stem: str) -> Name | None:
    """`<target>_<source>`: the source's face in the target's video, which gives motion and voice."""
    match = SWAP.fullmatch(stem)
    return Name(match["donor"], match["target"], match["target"]) if match else None


def parse_real(stem: str) -> Name | None:
    """FF++'s `<three digits>` or CelebV-HQ's `<YouTube id>_<n>`."""
    if FFPP.fullmatch(stem):
        return Name("", "", stem)
    return Name("", "", video_of(stem)) if CELEB.fullmatch(stem) else None


def video_of(clip: str) -> str:
    """The YouTube id of a clip `<id>_<n>`; some clips are numbered twice (`<id>_0_1`)."""
    video = re.sub(r"_\d+$", "", clip)
    while len(video) > YOUTUBE_LENGTH and re.search(r"_\d+$", video):
        video = re.sub(r"_\d+$", "", video)
    return video


def _fake(match: re.Match[str]) -> Name | None:
    if "driver" not in match.re.groupindex:
        return Name(match["portrait"], "", "")
    driver = match["driver"]
    if len(video_of(driver)) == YOUTUBE_LENGTH - 1:  # some fakes lost their driver's leading dash
        driver = f"-{driver}"
    video = video_of(driver)
    return Name(match["portrait"], driver, video) if VIDEO.fullmatch(video) else None
