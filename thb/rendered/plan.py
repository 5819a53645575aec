"""Which clips could be made, under which names, by whom and driven by what: a pure function of the seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from thb.core.errors import ParamsError
from thb.rendered import names
from thb.rendered.fakes.generator import DRIVERS_FPS
from thb.rendered.fakes.generators import load
from thb.rendered.seeds import stream

SPLITS = ("train", "val", "test")
NATIVE_FPS = ("24000/1001", "25", "30000/1001")  # of the real videos
SIDE_STEP = 4  # px: sides are whole multiples, as the codec likes them
LOST_DASH = 0.5  # share of fakes whose driver's leading dash is lost
FEWEST = 12  # portraits and drivers to draw from, however few clips are wanted
SPARE_PORTRAITS = 6  # pool of a generator that takes no driver, so one clip a portrait


@dataclass(frozen=True)
class ClipPlan:
    """One candidate clip: everything that decides its pixels, its sound and its file name."""

    source: str
    role: str
    split: str
    folder: str  # below data/raw, split folder included where the release has one
    stem: str  # file name without .mp4
    portrait: str  # FFHQ index of a fake; the clip's person for a real one
    driver: str  # clip that drives it; '' if none
    donor: str  # whose face is swapped in; '' if nobody's
    fps: str  # a fraction, as '30000/1001'
    size: int  # px
    seconds: float
    audio: str | None  # codec of the audio track
    seed: int
    artefacts: float
    fingerprint: float

    @property
    def path(self) -> str:
        """Where its mp4 lies below data/raw."""
        return f"{self.folder}/{self.stem}.mp4"

    @property
    def is_fake(self) -> bool:
        return self.role != "real"


@dataclass(frozen=True)
class _Brief:
    """What the planner of one source is told."""

    name: str
    role: str
    folder: str
    wanted: Mapping[str, int]
    render: Mapping[str, Any]
    seed: int

    def draw(self, *words):
        return stream(self.seed, *words)

    def seconds(self, *words) -> float:
        low, high = self.render["seconds"]
        return round(float(self.draw("seconds", *words).uniform(low, high)), 2)

    def clip(self, split, folder, stem, *, ratio=1.0, **facts) -> ClipPlan:
        side = SIDE_STEP * round(self.render["size"] * ratio / SIDE_STEP)
        strengths = {
            key: float(self.render[key]) if self.role != "real" else 0.0 for key in ("artefacts", "fingerprint")
        }
        return ClipPlan(self.name, self.role, split, folder, stem, size=side, seed=self.seed, **strengths, **facts)


def plan(render: Mapping[str, Any], seed: int, sources: Mapping[str, Mapping[str, Any]]) -> list[ClipPlan]:
    """Every candidate in the order in which it is tried; curation keeps the first good ones of each split."""
    return [clip for name, source in sources.items() for clip in _planner(source)(_brief(name, source, render, seed))]


def wanted(render: Mapping[str, Any], name: str, role: str) -> dict[str, int]:
    """Clips to keep in each split; a source's own entry goes before its role's."""
    clips = render["clips"]
    if name not in clips and role not in clips:
        raise ParamsError(f"render.clips says nothing of source {name!r} or role {role!r}; it has {', '.join(clips)}")
    counts = clips[name if name in clips else role]
    return {split: int(counts[split]) for split in SPLITS}


def _brief(name, source, render, seed) -> _Brief:
    return _Brief(name, source["role"], source["folder"], wanted(render, name, source["role"]), render, seed)


def _planner(source):
    if source["role"] == "swap":
        return _swaps
    if source["role"] == "real":
        return _ffpp if _is_ffpp(source["folder"]) else _celebvhq
    return _fakes


def _is_ffpp(folder: str) -> bool:
    return "original_sequences" in folder


# ---- reals ------------------------------------------------------------------------------------------


def _celebvhq(brief: _Brief) -> Iterator[ClipPlan]:
    for split, n in brief.wanted.items():
        for driver in names.driver_ids(brief.draw("real drivers", split), n):
            yield brief.clip(
                split,
                brief.folder,
                driver,
                portrait=names.video_of(driver),
                driver=driver,
                donor="",
                fps=native_fps(brief.seed, driver),
                seconds=brief.seconds(driver),
                audio="aac",
            )


def _ffpp(brief: _Brief) -> Iterator[ClipPlan]:
    for split, ids in ffpp_split(brief.seed, brief.wanted).items():
        for name in ids:
            yield _ffpp_clip(brief, split, name, name)


def _swaps(brief: _Brief) -> Iterator[ClipPlan]:
    """Both ways round in every pair of FF++ reals, until there are enough."""
    reals = ffpp_split(brief.seed, wanted(brief.render, "ffpp", "real"))
    for split, n in brief.wanted.items():
        ways = [way for one, two in pairs(reals[split]) for way in ((one, two), (two, one))]
        if len(ways) < n:
            raise ParamsError(
                f"{brief.name}: {n} {split} swaps wanted, but {len(reals[split])} FF++ reals give {len(ways)}"
            )
        for target, donor in ways[:n]:
            yield _ffpp_clip(brief, split, f"{target}_{donor}", target, donor)


def _ffpp_clip(brief, split, stem, target, donor="") -> ClipPlan:
    """FaceForensics++ carries no audio track; a swap keeps its target's motion, fps and length."""
    return brief.clip(
        split,
        brief.folder,
        stem,
        portrait=target,
        driver=target,
        donor=donor,
        fps=native_fps(brief.seed, target),
        seconds=brief.seconds(target),
        audio=None,
    )


def ffpp_split(seed: int, counts: Mapping[str, int]) -> dict[str, list[str]]:
    """FF++ names of each split."""
    ids = iter(names.ffpp_ids(stream(seed, "ffpp"), sum(counts.values())))
    return {split: [next(ids) for _ in range(n)] for split, n in counts.items()}


def pairs(ids: Sequence[str]) -> list[tuple[str, str]]:
    """Who is swapped with whom: neighbours; an odd one stays alone."""
    return list(zip(ids[0::2], ids[1::2], strict=False))


def native_fps(seed: int, driver: str) -> str:
    """The frame rate of a real video."""
    return NATIVE_FPS[stream(seed, "fps", driver).integers(len(NATIVE_FPS))]


# ---- generators -------------------------------------------------------------------------------------


def _fakes(brief: _Brief) -> Iterator[ClipPlan]:
    simulation = load(brief.name)
    for split, n in brief.wanted.items():
        portraits, drivers = cast(brief.seed, split, n if simulation.driven_by else n * SPARE_PORTRAITS)
        turns = drivers if simulation.driven_by else drivers[:1]
        for portrait, driver in _couples(brief, split, portraits, turns):
            yield _fake(brief, simulation.format, split, portrait, driver if simulation.driven_by else "")


def cast(seed: int, split: str, n: int) -> tuple[list[str], list[str]]:
    """Portraits and drivers for `n` clips of a split: the same for every generator, in no other split."""
    if n == 0:
        return [], []
    n_portraits, n_drivers = max(FEWEST, n), max(FEWEST, n // 2)
    share = SPLITS.index(split)
    return (
        names.portrait_ids(stream(seed, "portraits", split), n_portraits, share, len(SPLITS)),
        names.driver_ids(stream(seed, "drivers", split), n_drivers),
    )


def _couples(brief, split, portraits, drivers):
    """Every portrait with every driver, each portrait once before any comes again."""
    order = brief.draw("order", brief.name, split)
    portraits = [portraits[k] for k in order.permutation(len(portraits))]
    drivers = [drivers[k] for k in order.permutation(len(drivers))]
    for turn, place in product(range(len(drivers)), range(len(portraits))):
        yield portraits[place], drivers[(place + turn) % len(drivers)]


def _fake(brief, form, split, portrait, driver) -> ClipPlan:
    chance = brief.draw("shape", brief.name, portrait, driver)
    fps, ratio = form.shapes[chance.integers(len(form.shapes))]
    return brief.clip(
        split,
        f"{brief.folder}/{split}" if brief.role == "generator" else brief.folder,
        _stem(brief, portrait, driver),
        ratio=ratio,
        portrait=portrait,
        driver=driver,
        donor="",
        fps=native_fps(brief.seed, driver) if fps == DRIVERS_FPS else fps,
        seconds=brief.seconds(driver or portrait),
        audio=form.audio,
    )


def _stem(brief, portrait, driver) -> str:
    """The release's name: the unseen generators' have one dash, or no driver at all."""
    if not driver:
        return portrait
    lost = brief.draw("dash", brief.name, driver).random() < LOST_DASH
    shown = names.without_dash(driver) if lost else driver
    if brief.role == "unseen":
        return f"{portrait}-{shown}"
    return f"{portrait}--{shown}--{brief.folder.rsplit('/', 1)[-1]}"
