"""code: for each stage of the graph, the code and the settings that it rests on, in a list for DVC.

A stage of dvc.yaml depends on its list (of its detector, of its notebook), so that no list of files or settings has to
be kept there by hand, dvc.lock does not repeat them, and a comment or a docstring makes nothing run again.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from thb.core import code, origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_atomic

# The modules that do a stage's work. `thb.cli.main` is not among them: it parses arguments and passes them on; a new
# line of help makes nothing run again.
ALWAYS = ("core.params", "core.paths")
# Doors that stand here and not in core/code.py, which is code of every trained fit.
DOORS = {
    **code.DOORS,
    "reencode": "reencoded.clips",
    "reencode_score": "reencoded.score",
    "reencode_cells": "reencoded.cells",
}
LACKING, OWN = "fits.absent", "corpus.own_reals"
LEADERBOARD = "leaderboard"  # a room, and the folder of entries that only its notebooks read
PLUGIN = "book.sphinx_ext"  # which book/_config.yml names
EVERYWHERE = ("profile", "profiles.{profile}.corpus", "profiles.{profile}.seed")


@dataclass(frozen=True)
class Basis:
    """What a kind of stage rests on; {of} stands for what there is a stage each of."""

    modules: tuple[str, ...]
    settings: tuple[str, ...]  # keys of params.yaml, beside those that count EVERYWHERE
    of: str = ""  # the key of params.yaml whose names these are


def _of_active(*names: str) -> tuple[str, ...]:
    """Keys of the active profile."""
    return tuple(f"profiles.{{profile}}.{name}" for name in names)


def _doors(*stages: str) -> tuple[str, ...]:
    return tuple(DOORS[stage] for stage in stages)


_TRAIN = (LACKING, *_doors("train"), "detectors.{of}")
_SCORE = (LACKING, *_doors("score"), "detectors.{of}")
_FIT = ("detectors.{of}.defaults", *_of_active("detectors.{of}", "training_seed"))
_CELLS = ("sources", "protocols", "metrics", "detectors")
_DECODED = (*_of_active("store", "finder", "max_failed_share"), "nets.yunet")  # the one finder that is a network
BASES = {
    "fetch": Basis(
        (LACKING, OWN, *_doors("fetch")),
        ("sources", "fetch.repo", *_of_active("revision", "raw_dir", "reals", "render")),
    ),
    "prepare": Basis(
        (LACKING, OWN, *_doors("prepare")), ("sources.{of}", *_of_active("reals"), *_DECODED), of="sources"
    ),
    "split": Basis((LACKING, OWN, *_doors("split")), ("sources", "protocols")),
    "identity": Basis(
        _doors("identity"),
        (
            *("sources", "protocols", "identity.frames", "identity.embeddings.{of}", "nets.{of}"),
            *_of_active("store"),
        ),
        of="identity.embeddings",
    ),
    "train": Basis(_TRAIN, _FIT, of="detectors"),
    "score": Basis(_SCORE, _FIT, of="detectors"),
    "label_train": Basis(_TRAIN, (*_FIT, "label_checks.{of}"), of="label_checks"),
    "label_score": Basis(_SCORE, (*_FIT, "label_checks.{of}"), of="label_checks"),
    "choice": Basis((LACKING, "fits.choice", "detectors.{of}"), (*_FIT, "explained"), of="explained"),
    "explain": Basis(
        (LACKING, *_doors("explain"), "detectors.{of}"),
        ("explain", "metrics", "protocols", *_of_active("explain")),
        of="explained",
    ),
    "evaluate": Basis(_doors("evaluate"), _CELLS),
    "variant_clips": Basis(
        (LACKING, OWN, *_doors("fetch", "prepare", "split")),
        ("sources", "protocols", "ablations.{of}", *_of_active("render"), *_DECODED),
        of="ablations",
    ),
    "variant_cells": Basis(_doors("evaluate"), (*_CELLS, "ablated")),
    "containers": Basis(("cells.containers",), ("sources", *_of_active("store"))),
    "reencode": Basis((LACKING, OWN, *_doors("reencode")), ("sources", "protocols", *_DECODED)),
    "reencode_score": Basis((*_doors("reencode_score"), "detectors.{of}"), (*_FIT, "protocols"), of="detectors"),
    "reencode_cells": Basis(_doors("reencode_cells"), _CELLS),
    "contact": Basis(_doors("contact"), ("sources", *_of_active("store"))),
}


def run(paths: Paths, params: Params) -> None:
    """Write data/code/<stage>.txt, <stage>-<its own>.txt and exhibit-<notebook>.txt."""
    texts = dict(_texts(paths, params))
    for name, text in texts.items():
        write_atomic(paths.code(name), lambda part, text=text: part.write_text(text, encoding="utf-8"))
    print(f"{len(texts)} lists -> {paths.relative(paths.code('').parent)}")


def _texts(paths: Paths, params: Params) -> Iterator[tuple[str, str]]:
    """Name of a list -> a line for each file of code, with a hash, and for each setting, with its value."""
    values = params.model_dump(mode="json")
    for name, (modules, settings) in bases(params).items():
        told = "".join(f"{key}: {json.dumps(_under(values, key))}\n" for key in settings)
        yield name, code.listing(*modules) + told
    printed = sorted(file for file in paths.published.parent.rglob("*") if file.is_file())
    for name, (modules, own) in documents(paths).items():
        files = [*own, paths.params, *printed]
        yield name, code.listing(*modules) + "".join(f"{paths.relative(f)} {origin.sha256(f)}\n" for f in files)


def bases(params: Params) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Name of a list, but for those of `documents` -> the modules and the keys of params.yaml that it is of."""
    found = {}
    for kind, basis in BASES.items():
        for of in attrgetter(basis.of)(params) if basis.of else [""]:
            keys = (key.format(profile=params.profile, of=of) for key in (*EVERYWHERE, *basis.settings))
            modules = tuple(module.format(of=of) for module in (*ALWAYS, *basis.modules))
            found["-".join(filter(None, (kind, of)))] = modules, tuple(keys)
    return found


def documents(paths: Paths) -> dict[str, tuple[tuple[str, ...], tuple[Path, ...]]]:
    """Name of a list -> modules, notebook and entries of what shows all settings and all that was printed."""
    found: dict[str, tuple[tuple[str, ...], tuple[Path, ...]]] = {"book": ((*ALWAYS, *_doors("book"), PLUGIN), ())}
    for notebook in sorted(paths.notebooks.glob("*.ipynb")):
        own = sorted(_imported(notebook))
        ranks = any(module.startswith(LEADERBOARD) for module in own)
        entered = sorted(f for f in (paths.root / LEADERBOARD).rglob("*") if f.is_file()) if ranks else []
        found[f"exhibit-{notebook.stem}"] = (*ALWAYS, *_doors("exhibit"), *own), (notebook, *entered)
    return found


def _under(values: Any, key: str) -> Any:
    """What settings hold under a dotted key."""
    for part in key.split("."):
        values = values[part]
    return values


def _imported(notebook: Path) -> set[str]:
    """What a notebook's cells import of thb, without the prefix; raises DataError where it holds no Python."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        return code.imported(ast.parse("\n".join(sources)))
    except (ValueError, KeyError, TypeError, SyntaxError) as fault:
        raise DataError(f"{notebook.name} is no notebook with Python in it ({type(fault).__name__}: {fault})") from None
