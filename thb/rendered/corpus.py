"""Writes the embedded corpus in the release's own layout: resumable, in parallel, the same bytes every time."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from zipfile import BadZipFile

from thb.core.errors import DataError
from thb.core.paths import Paths
from thb.core.processes import in_order
from thb.core.tables import (
    CURATION_COLUMNS,
    MANIFEST_COLUMNS,
    RENDERED,
    disk_errors,
    read_rows,
    write_atomic,
    write_json,
    write_rows,
)
from thb.rendered import clip, truth
from thb.rendered.curation import CURATED, Tray, curate, visible_fault
from thb.rendered.encode import wav
from thb.rendered.plan import SPLITS, ClipPlan, pairs, plan, wanted
from thb.rendered.scene import voice_of
from thb.rendered.seeds import stream

AUDIO_OF_FAKES, AUDIO_OF_DRIVERS, AUDIO_OF_FFPP = "audio/fake", "audio/fake_celebvhq", "audio/ff++"
SPLIT_LIST, OFFICIAL_LIST = "real/real_dataset_split.json", "real/real_dataset_split_official_ff++.json"
OFFICIAL_SHARES = (0.72, 0.86)  # FF++'s own lists: 720, 140 and 140 of 1,000

Report = Callable[[str, int, int], None]  # what is being done, how many are done, of how many


def write_corpus(
    paths: Paths,
    profile_render: Mapping[str, Any],
    seed: int,
    sources: Mapping[str, Mapping[str, Any]],
    workers: int,
    report: Report,
    twins: Sequence[tuple[Paths, float]] = (),
) -> None:
    """Write every clip of these sources below `paths.raw`, and what is known of it below `paths.truth`.

    `twins` are corpora that want the generators' clips with another fingerprint: theirs are filmed from the same
    picture while it is at hand, and whoever writes such a corpus finds them there.
    """
    _refuse_other_corpus(paths)
    candidates = plan(profile_render, seed, sources)
    trays = curate(
        candidates,
        quotas(profile_render, sources),
        profile_render["curation"],
        lambda plans: _judged(plans, workers, report),
    )
    kept = [plan for tray in trays for plan in tray.kept]
    todo = [copies for plan in kept if (copies := _unwritten(paths, plan, twins))]
    todo.sort(key=lambda copies: _figure_of(copies[0][1]))
    for done, _ in enumerate(in_order(_write_clips, todo, workers, _died), 1):
        report("rendering", done, len(todo))
    _write_drivers(paths, kept)
    _write_lists(paths, kept, seed)
    write_rows(_counts(trays), paths.raw_curation, CURATION_COLUMNS)
    _sweep(paths, kept)
    write_rows(_inventory(paths, seed), paths.manifest, MANIFEST_COLUMNS)


def quotas(render: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Clips to keep, by source and split."""
    return {
        (name, split): n
        for name, source in sources.items()
        for split, n in wanted(render, name, source["role"]).items()
    }


# ---- work -------------------------------------------------------------------------------------------


def _judged(plans: Sequence[ClipPlan], workers: int, report: Report) -> list[float]:
    """Visible fault of each plan, in their order; looked at portrait by portrait."""
    places = sorted(range(len(plans)), key=lambda place: _figure_of(plans[place]))
    faults = {}
    for fault in in_order(visible_fault, [plans[place] for place in places], workers, _died):
        faults[places[len(faults)]] = fault
        report("curating", len(faults), len(plans))
    return [faults[place] for place in range(len(plans))]


def _figure_of(plan: ClipPlan) -> tuple[str, int]:
    """Clips that share it in a row: one portrait's figure is set up once a size."""
    return plan.portrait, plan.size


def _died(work: ClipPlan | list[tuple[Paths, ClipPlan]]) -> NoReturn:
    plan = work if isinstance(work, ClipPlan) else work[0][1]
    raise DataError(f"the process that renders {plan.path} dies; run `thb fetch` again to go on from there")


# ---- clips ------------------------------------------------------------------------------------------


def _unwritten(paths: Paths, plan: ClipPlan, twins: Sequence[tuple[Paths, float]]) -> list[tuple[Paths, ClipPlan]]:
    """The clip and its twins, as far as they are not there yet."""
    wanted = [(paths, plan)]
    if plan.role == "generator":
        wanted += [(place, replace(plan, fingerprint=fingerprint)) for place, fingerprint in twins]
    return [copy for copy in wanted if not _is_whole(*copy)]


def _write_clips(copies: list[tuple[Paths, ClipPlan]]) -> None:
    """A truth file comes last: it says that the others are whole."""
    for (paths, wanted_clip), made in zip(copies, clip.make(*(copy[1] for copy in copies)), strict=True):
        _put(paths.raw / wanted_clip.path, made.mp4)
        if made.sound is not None:
            _put(_sound_path(paths, wanted_clip), made.sound)
        _put(_truth_path(paths, wanted_clip), made.truth)


def _is_whole(paths: Paths, plan: ClipPlan) -> bool:
    """Whether an earlier run wrote just this clip, all of it."""
    try:
        recipe, digest = truth.read_notes(_truth_path(paths, plan), "recipe", "digest")
        mp4 = (paths.raw / plan.path).read_bytes()
        sound = _sound_path(paths, plan).read_bytes() if clip.heard(plan) else None
    except (OSError, KeyError, ValueError, EOFError, BadZipFile):
        return False
    return recipe == clip.recipe(plan) and digest == clip.digest(mp4, sound)


def _sound_path(paths, plan):
    return paths.raw / (AUDIO_OF_FAKES if plan.is_fake else AUDIO_OF_FFPP) / f"{plan.stem}.wav"


def _truth_path(paths, plan):
    return paths.truth / plan.source / f"{plan.stem}.npz"


def _put(path: Path, content: bytes) -> None:
    write_atomic(path, lambda part: part.write_bytes(content))


# ---- what goes with the clips -----------------------------------------------------------------------


def _write_drivers(paths: Paths, kept: Iterable[ClipPlan]) -> None:
    """The sound of every video that drives a fake."""
    for driver, led in _drivers(kept).items():
        _put(paths.raw / AUDIO_OF_DRIVERS / f"{driver}.wav", wav(voice_of(led.seed, driver, led.seconds).samples))


def _drivers(kept):
    return {plan.driver: plan for plan in kept if plan.role in CURATED and plan.driver}


def _write_lists(paths: Paths, kept: Sequence[ClipPlan], seed: int) -> None:
    """The two lists of real clips: ours, and one with FF++ split by its own shares, pair by pair."""
    ffpp, celebvhq = ({split: _names(kept, split, silent) for split in SPLITS} for silent in (True, False))
    if not (any(ffpp.values()) or any(celebvhq.values())):
        return
    write_json(_listed(ffpp, celebvhq), paths.raw / SPLIT_LIST)
    write_json(_listed(_official(ffpp, seed), celebvhq), paths.raw / OFFICIAL_LIST)


def _names(kept, split, silent):
    """Real files of a split; FF++'s are those without an audio track."""
    return sorted(
        f"{p.stem}.mp4" for p in kept if p.role == "real" and p.split == split and (p.audio is None) == silent
    )


def _official(ffpp, seed):
    couples = [couple for names in ffpp.values() for couple in pairs(names)]
    order = stream(seed, "official").permutation(len(couples))
    ends = [0, *(round(share * len(couples)) for share in OFFICIAL_SHARES), len(couples)]
    return {
        split: sorted(name for k in order[first:last] for name in couples[k])
        for split, first, last in zip(SPLITS, ends[:-1], ends[1:], strict=True)
    }


def _listed(ffpp, celebvhq):
    return {split.title(): {"FaceForensics++": ffpp[split], "CelebV-HQ": celebvhq[split]} for split in SPLITS}


def _counts(trays: Sequence[Tray]) -> list[tuple]:
    """Per generator: made, removed, kept, and the share that was removed."""
    sources = dict.fromkeys(tray.source for tray in trays if tray.candidates[0].role in CURATED)
    rows = []
    for source in sources:
        made = sum(tray.made for tray in trays if tray.source == source)
        kept = sum(len(tray.kept) for tray in trays if tray.source == source)
        rows.append((source, made, made - kept, kept, f"{(made - kept) / made:.4f}"))
    return rows


def _inventory(paths: Paths, seed: int) -> list[tuple]:
    """Every file of the corpus with its size and hash."""
    rows = []
    for path in sorted(_files(paths.raw) - {paths.manifest, paths.raw_curation}):
        content = path.read_bytes()
        name = path.relative_to(paths.raw).as_posix()
        rows.append((name, len(content), hashlib.sha256(content).hexdigest(), f"{RENDERED}{seed}"))
    return rows


def _sweep(paths: Paths, kept: Sequence[ClipPlan]) -> None:
    """Remove what the plan does not hold: clips of an earlier plan, and the halves of a killed run."""
    planned = {paths.raw_curation, paths.raw / SPLIT_LIST, paths.raw / OFFICIAL_LIST}
    planned |= {paths.raw / AUDIO_OF_DRIVERS / f"{driver}.wav" for driver in _drivers(kept)}
    for made in kept:
        planned |= {paths.raw / made.path, _truth_path(paths, made)} | (
            {_sound_path(paths, made)} if clip.heard(made) else set()
        )
    with disk_errors(paths.raw):
        for stray in (_files(paths.raw) | _files(paths.truth)) - planned:
            stray.unlink()


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _refuse_other_corpus(paths: Paths) -> None:
    """A download, even one cut short, must not be swept away by a change of profile."""
    others = sorted(
        {
            row["revision"]
            for row in read_rows(paths.manifest, MANIFEST_COLUMNS)
            if not row["revision"].startswith(RENDERED)
        }
    )
    if others or paths.fetching.is_dir():
        which = f"revision {others[0]}" if others else "a download that was cut short"
        raise DataError(f"{paths.raw} holds another corpus ({which}); move it away before rendering one")
