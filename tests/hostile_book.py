"""The book of made-up results in which every word that a page may show is a hostile one, each field another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest import mock

import book_made
import cams_made
import pandas as pd
import results_made
import yaml
from hostile import LONG, UNSEEN, WORDS
from ruamel.yaml import YAML

from thb.book import book, exhibit
from thb.core.paths import Paths
from thb.core.tables import write_csv, write_json

ROOT = Path(__file__).resolve().parent.parent
READABLE = [word for word in [*WORDS, *UNSEEN, *LONG] if "\0" not in word]  # in a CSV; others are refused
LAWFUL = [word for word in WORDS if word.isprintable()]  # in params.yaml
SHORT = [word for word in LAWFUL if len(word) < 60]


def is_shown(where: str) -> bool:
    """Whether a page says it; a reading of a claim is told only where it comes out otherwise."""
    return where != "protocols.ffpp.title" and not where.endswith(".reading")


class Field:
    """Words for fields: hostile ones, each with its own number, so that it can be found again."""

    def __init__(self) -> None:
        self.words, self.any = cycle(SHORT), cycle(READABLE)
        self.given: dict[str, str] = {}  # where -> what

    def name(self, where: str, plain: str) -> str:
        """A name for params.yaml that begins as it did, so that tables keep their order."""
        return self._note(where, f"{plain}~{len(self.given)} {next(self.words)}")

    def word(self, where: str) -> str:
        return self._note(where, as_text(f"w{len(self.given)} {next(self.any)}"))

    def _note(self, where: str, word: str) -> str:
        self.given[where] = word
        return word


def built(root: Path) -> tuple[Paths, dict[str, str]]:
    """The clone with its book, and where which word was put."""
    field, paths = Field(), results_made.clone(ROOT, root)
    renamed = _params(paths, field)
    _published(paths, renamed)
    _claims(paths, field, renamed)
    _citation(paths, field)
    writer = Writer(field)
    with (
        mock.patch.object(results_made, "write_csv", writer.csv),
        mock.patch.object(cams_made, "write_csv", writer.csv),
        mock.patch.object(results_made, "write_json", writer.json),
    ):
        params = results_made.fill(paths)
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
        setting = next(iter(entry["defaults"]))
        entry["defaults"].yaml_add_eol_comment(field.name(f"detectors.{name}.comment", "says"), setting)
    params["metrics"]["bootstrap"] = 20  # quick: no number is looked at
    with paths.params.open("w", encoding="utf-8") as file:
        text.dump(params, file)
    return renamed


def _published(paths: Paths, renamed: dict[str, str]) -> None:
    for file in (*sorted(paths.published.glob("*.csv")), paths.published.parent / "addresses.csv"):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.map(lambda cell: renamed.get(cell, cell)).to_csv(file, index=False)


def _with_new_names(words: str, renamed: dict[str, str]) -> str:
    """'P3 Hallo2': each name in it as it is called now."""
    return renamed.get(words) or " ".join(renamed.get(word, word) for word in words.split(" "))


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


class Writer:
    """Writes results as they are written, clips under hostile names: the same in all files that know a clip."""

    def __init__(self, field: Field) -> None:
        self.field, self.names, self.clips = field, cycle(READABLE), {}

    def clip(self, name: str) -> str:
        if name in self.clips.values():
            return name
        return self.clips.setdefault(name, as_text(f"{name} {next(self.names)}").replace("\n", " "))  # else refused

    def csv(self, frame: pd.DataFrame, path: Path, columns: Sequence[str]) -> None:
        if "clip" in frame:
            frame = frame.assign(clip=frame["clip"].map(self.clip))
        if path.name == "corpus.csv":
            frame = frame.assign(size="128x" + self.field.word("corpus.size"))
        write_csv(frame, path, columns)

    def json(self, value: Any, path: Path) -> None:
        if path.name == "leakage.json":
            value = {**value, "reals": self.field.word("leakage.reals")}
        write_json(value, path)


def as_text(word: str) -> str:
    """As a file of text can hold it."""
    return word.encode("utf-8", "replace").decode().replace("\r", "\n")
