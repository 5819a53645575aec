"""The book of made-up results in which every word that a page may show is a hostile one, each field another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest import mock

import book_made
import numpy as np
import pandas as pd
import results_made
import yaml
from hostile import LONG, UNSEEN, WORDS
from ruamel.yaml import YAML

from thb.params import Params, load
from thb.paths import Paths
from thb.stages import book, exhibit

ROOT = Path(__file__).resolve().parent.parent
LAWFUL = [word for word in WORDS if word.isprintable()]     # in params.yaml
SHORT = [word for word in LAWFUL if len(word) < 60]


class Field:
    """Words for fields: hostile ones, each with its own number, so that it can be found again."""

    def __init__(self) -> None:
        self.words, self.any = cycle(SHORT), cycle([*WORDS, *UNSEEN, *LONG])
        self.given: dict[str, str] = {}      # where -> what

    def name(self, where: str, plain: str) -> str:
        """A name for params.yaml that begins as it did, so that tables keep their order."""
        return self._note(where, f"{plain}~{len(self.given)} {next(self.words)}")

    def word(self, where: str) -> str:
        return self._note(where, f"w{len(self.given)} {next(self.any)}")

    def _note(self, where: str, word: str) -> str:
        self.given[where] = word
        return word


def built(root: Path) -> tuple[Paths, dict[str, str]]:
    """The clone with its book, and where which word was put."""
    field, paths = Field(), results_made.clone(ROOT, root)
    renamed = _params(paths, field)
    _published(paths, renamed)
    params = results_made.fill(paths)
    _claims(paths, field, renamed)
    _citation(paths, field)
    _results(paths, params, field)
    with mock.patch.object(exhibit, "_run_once", book_made.run_here):
        for name in params.exhibits:
            exhibit.run(paths, params, name)
    book.run(paths, params)
    return paths, field.given


def _params(paths: Paths, field: Field) -> dict[str, str]:
    """Names and titles in params.yaml; what the paper's tables call by another name now comes back."""
    text, renamed = YAML(typ="rt"), {}
    text.width = 10_000
    params = text.load(paths.params.read_text(encoding="utf-8"))
    for kind in ("sources", "detectors"):
        for name, entry in params[kind].items():
            if entry["printed"]:
                plain = str(entry["printed"])
                renamed[plain] = renamed.get(plain) or field.name(f"{kind}.{name}.printed", plain)
                entry["printed"] = renamed[plain]
            if entry.get("sees"):
                entry["sees"] = field.name(f"{kind}.{name}.sees", str(entry["sees"]))
    for name, entry in params["generators"].items():
        params["generators"][name] = params["sources"].get(name, entry)
    for name, entry in params["protocols"].items():
        entry["title"] = field.name(f"protocols.{name}.title", str(entry["title"]))
    for name, entry in params["detectors"].items():
        if "init_weights" in entry["defaults"]:
            entry["defaults"]["init_weights"] = field.name(f"detectors.{name}.init_weights", "none")
        for setting in list(entry["defaults"])[:1]:
            entry["defaults"].yaml_add_eol_comment(field.name(f"detectors.{name}.comment", "says"), setting)
    params["metrics"]["bootstrap"] = 20     # quick: no number is looked at
    params["profiles"]["paper"]["revision"] = field.name("revision", "cd5f")
    with paths.params.open("w", encoding="utf-8") as file:
        text.dump(params, file)
    return renamed


def _published(paths: Paths, renamed: dict[str, str]) -> None:
    for file in sorted(paths.published.glob("*.csv")):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.map(lambda cell: renamed.get(cell, cell)).to_csv(file, index=False)


def _with_new_names(words: str, renamed: dict[str, str]) -> str:
    """'P3 Hallo2': each name in it as it is called now."""
    return " ".join(renamed.get(word, word) for word in words.split(" "))


def _claims(paths: Paths, field: Field, renamed: dict[str, str]) -> None:
    def hostile(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {_with_new_names(k, renamed): hostile(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [hostile(one, key) for one in value]
        if key in ("claim", "where", "reading"):
            return field.word(f"claims.{len(field.given)}.{key}")
        return _with_new_names(value, renamed) if isinstance(value, str) else value

    claims = hostile(yaml.safe_load(paths.claims.read_text(encoding="utf-8")))
    paths.claims.write_text(yaml.safe_dump(claims, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _citation(paths: Paths, field: Field) -> None:
    facts = yaml.safe_load(paths.citation.read_text(encoding="utf-8"))
    facts["title"], facts["license"], facts["version"] = (field.word(f"cff.{key}") for key in ("t", "l", "v"))
    facts["authors"][0]["name"] = field.word("cff.author")
    origin = facts["preferred-citation"]
    origin["title"], origin["authors"][0]["family-names"] = field.word("cff.paper"), field.word("cff.first")
    paths.citation.write_text(yaml.safe_dump(facts, allow_unicode=True), encoding="utf-8")


def _results(paths: Paths, params: Params, field: Field) -> None:
    """Clips' names, reasons and notes, alike in all files that know a clip."""
    words = iter(field.word, None)
    clips: dict[str, str] = {}

    def clip(name: str) -> str:
        if name not in clips:
            clips[name] = f"{name} {next(cycle_words)}".encode("utf-8", "replace").decode()
        return clips[name]

    del words
    cycle_words = cycle([*WORDS, *UNSEEN, *LONG])
    for file in sorted(paths.results.rglob("*.csv")):
        if "variants" in file.parts:
            continue
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        if "clip" in table:
            table["clip"] = table["clip"].map(clip)
            table.to_csv(file, index=False)
    with np.load(paths.contact) as stored:
        arrays = dict(stored)
    arrays["clips"] = np.array([[clip(str(c)) for c in row] for row in arrays["clips"]])
    np.savez_compressed(paths.contact, **arrays)
    found = json.loads(paths.leakage.read_text())
    found["reals"] = field.word("leakage.reals").encode("utf-8", "replace").decode()
    paths.leakage.write_text(json.dumps(found))


__all__ = ["built"]


def shown(paths: Paths) -> Iterator[Path]:
    """Every page of the book."""
    return (p for p in sorted(paths.html.rglob("*.html")) if "_static" not in p.parts)


def settings(paths: Paths) -> Params:
    return load(paths.params)
