"""Every path of the project, named once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from thb.core.errors import ParamsError

RECORD = "made_by.json"  # in a folder that a stage makes: what made it


def find_root(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` that holds params.yaml (or `$THB_ROOT`)."""
    if named := os.environ.get("THB_ROOT"):
        return Path(named).resolve()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file():
            return folder
    raise ParamsError(f"no params.yaml at or above {here}; run thb inside a clone, or set THB_ROOT")


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def check_name(kind: str, word: str) -> str:
    """The word; ParamsError unless it may be part of a path and cannot lead out of its folder."""
    if not _NAME.fullmatch(word):
        shown = repr(word) if len(word) <= 80 else f"{word[:80]!r}… ({len(word)} characters)"
        raise ParamsError(
            f"{kind} {shown} is no name: it takes 1 to 64 of A-Z, a-z, 0-9, `_`, `.` and `-`, "
            "the first a letter or digit"
        )
    return word


def variant_option(variant: str) -> str:
    """How a command is told which control corpus is meant ('' for the main one)."""
    return f" --variant {variant}" if variant else ""


class Below:
    """A path below another one of `Paths`, which is given by name."""

    def __init__(self, place: str, *parts: str) -> None:
        self.place, self.parts = place, parts

    def __get__(self, paths: Paths, _: type[Paths]) -> Path:
        return getattr(paths, self.place).joinpath(*self.parts)


@dataclass(frozen=True)
class Paths:
    """All inputs and outputs below one root.

    `variant` names a control corpus ('' is the main one); `shared` are the sources that it leaves
    as they are (its reals), whose clips are read from the main corpus. `own` says which folders of the
    release's layout the user keeps elsewhere.
    """

    root: Path
    variant: str = ""
    shared: frozenset[str] = frozenset()
    own: Mapping[str, Path] = field(default_factory=dict, hash=False)

    params = Below("root", "params.yaml")
    dvc_yaml = Below("root", "dvc.yaml")  # the stages, and beside it what each was last made from
    dvc_lock = Below("root", "dvc.lock")

    # ---- what was printed
    published = Below("root", "paper", "published")
    # Real clips that drive a fake of the release, by the project page
    known_drivers = Below("published", "known_drivers.csv")
    claims = Below("root", "paper", "claims.yaml")  # what the paper claims, each with its check
    references = Below("root", "paper", "references.bib")
    citation = Below("root", "CITATION.cff")  # how to cite this package and its paper

    # ---- large, made here, never in git
    raw = Below("data", "raw")  # the release's own layout, whichever corpus it came from
    manifest = Below("raw", "manifest.csv")
    raw_record = Below("raw", RECORD)  # what made the clips in data/raw; absent while they are being made
    # The real clips that the release lists, whichever of its lists that was
    listed_reals = Below("raw", "listed_reals.csv")
    # What a download keeps of itself: the Hub's listing, files that came in part, what was verified
    fetching = Below("raw", ".fetch")
    truth = Below("data", "truth")  # what only the embedded corpus knows: regions, artefact masks, where faces are
    # Per source, as the embedded corpus wrote it: how many clips were made, how many kept
    raw_curation = Below("raw", "curation.csv")
    splits = Below("data", "splits")
    splits_record = Below("splits", RECORD)  # what made the splits, with a hash of each
    # Fits that the clips at hand do not allow, each with the reason; no file if all are allowed
    absent_fits = Below("splits", "absent.json")
    reproducing = Below("root", "runs", ".reproduce.lock")  # held by a `thb reproduce` under way
    contact = Below("data", "contact.npz")  # a few frames of each source of the embedded corpus, for the book

    # ---- small, kept in git
    leakage = Below("results", "leakage.json")
    # Every clip of the corpus, by name and split: what score files are held against
    tested = Below("results", "clips.csv")
    # What made the corpus, its clips and its splits, with a hash of each table of them
    tested_record = Below("results", "clips.json")
    # Counts, splits and container facts of the corpus at hand (no clip, no frame)
    corpus = Below("results", "corpus.csv")
    # The same counts beside the other results; without a row where nobody counted
    curation = Below("results", "curation.csv")
    coverage = Below("results", "coverage.csv")  # clips that could not be used, each with its reason
    cells = Below("results", "cells.csv")
    metrics = Below("results", "metrics.json")
    # Whether one thing lies above another, for every such question that a page asks
    comparisons = Below("results", "comparisons.csv")

    # ---- the book
    notebooks = Below("root", "notebooks")
    book = Below("root", "book")
    executed = Below("book", "_executed")
    html = Below("book", "_build", "html")

    @property
    def data(self) -> Path:
        return self.root / "data" / "variants" / self.variant if self.variant else self.root / "data"

    def clip_folder(self, folder: str) -> Path:
        """A folder of the release's layout: below data/raw, or where the user keeps it."""
        return self.own.get(folder, self.raw / folder)

    def clip_file(self, path: str) -> Path:
        """The file behind a clip's `path`."""
        folder, _, name = path.rpartition("/")
        return self.clip_folder(folder) / name

    def code(self, name: str) -> Path:
        """Which files of thb a command depends on, each with a hash."""
        return self.root / "data" / "code" / f"{name}.txt"

    def clips(self, source: str) -> Path:
        """The neutral clip store of one source: frames.npy, mel.npy, clips.parquet, meta.json."""
        return self._base(source) / "clips" / source

    def _base(self, source: str) -> Path:
        return self.root / "data" if source in self.shared else self.data

    def split(self, fit: str) -> Path:
        return self.splits / f"{fit}.csv"

    def seen(self, fit: str) -> Path:
        """A digest of what training and validation see of clips and split: what a fit depends on in the graph."""
        return self.splits / "seen" / f"{fit}.json"

    @property
    def _runs(self) -> Path:
        return self.root / "runs" / "variants" / self.variant if self.variant else self.root / "runs"

    def run(self, detector: str, fit: str) -> Path:
        """One fit: weights.safetensors, run.json, log.csv, took.json."""
        return self._runs / detector / fit

    def start(self, detector: str) -> Path:
        """What other fits of a detector start from, or that they do not: what they depend on in the graph."""
        return self.pretrained(detector) / "start.json"

    def imported(self, detector: str, fit: str) -> Path:
        """Somebody else's weights under a name of their own; outside every DVC output, as DVC empties those first."""
        return self.root / "runs" / ".imported" / detector / fit

    def run_on_shuffled_labels(self, detector: str, fit: str, draw: int) -> Path:
        """The same, of one fit on shuffled labels."""
        return self._runs / "shuffled_labels" / detector / f"{fit}-{draw}"

    def partial(self, detector: str, fit: str, draw: int = 0) -> Path:
        """What an interrupted fit goes on from; outside every DVC output, as DVC empties those first."""
        parts = (self.variant, detector, fit, f"draw{draw}" if draw else "")
        return self.root / "runs" / ".partial" / "-".join(filter(None, parts))

    def pretrained(self, detector: str) -> Path:
        """The ffpp fit that others may start from; control corpora start from the same one."""
        return self.root / "runs" / detector / "ffpp"

    @property
    def results(self) -> Path:
        base = self.root / "results"
        return base / "variants" / self.variant if self.variant else base

    def scores(self, detector: str, fit: str) -> Path:
        return self.results / "scores" / detector / f"{fit}.csv"

    def shuffled_sound(self, detector: str, fit: str) -> Path:
        """Scores of the same clips, each heard with another one's sound."""
        return self.results / "shuffled_sound" / detector / f"{fit}.csv"

    def cams(self, detector: str) -> Path:
        """Heat maps of one detector and their shares: too large for git."""
        return self.results / "cams" / detector

    def pools(self, detector: str) -> Path:
        """Scores of the clips of fit `all`, had their units been pooled in other ways."""
        return self.results / "pools" / f"{detector}.csv"

    def shuffled_labels(self, detector: str, fit: str) -> Path:
        """Scores of the fits on shuffled labels, a column a shuffle."""
        return self.results / "shuffled_labels" / detector / f"{fit}.csv"

    def identity(self, net: str) -> Path:
        """Whose faces are alike across training and test, by one network; no file where that is not asked for."""
        return self.results / "identity" / f"{net}.json"

    def relative(self, path: Path) -> str:
        """A path as a reader writes it, with forward slashes: from the root where it lies below it, else whole."""
        for below, root in ((path, self.root), (path.resolve(), self.root.resolve())):
            if below.is_relative_to(root):
                return below.relative_to(root).as_posix()
        return path.as_posix()
