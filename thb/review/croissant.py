"""Croissant: results/ and the rendered corpus as data sets that a machine can read, with responsible-AI fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from thb.book import citation, numbers, provenance
from thb.core import origin
from thb.core.tables import read_csv
from thb.report.load import Results

RESULTS, CORPUS = "croissant.json", "croissant-corpus.json"
WORDS = Path(__file__).with_name("dataset.yaml")
KINDS = {"i": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}  # of a column, by numpy's kind; else words
CR = "http://mlcommons.org/croissant/"
SHORTHANDS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": CR,
    "rai": f"{CR}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{word: f"cr:{word}" for word in SHORTHANDS},
}


def describe(results: Results) -> dict[str, dict[str, Any]]:
    """File name -> what it holds: the results, and the corpus if it was rendered here."""
    paths = results.paths
    tables = [paths.cells, paths.comparisons, paths.tested, *sorted((paths.results / "scores").glob("*/*.csv"))]
    found = {RESULTS: _dataset(results, "results", tables)}
    if results.params.active.corpus == "mini":
        clips = [paths.tested, paths.corpus, paths.coverage, paths.curation, paths.manifest]
        found[CORPUS] = _dataset(results, "corpus", clips)
    return found


def _dataset(results: Results, key: str, tables: Sequence[Path]) -> dict[str, Any]:
    paths, known = results.paths, numbers.all_numbers(results)
    about, facts = yaml.safe_load(WORDS.read_text(encoding="utf-8"))[key], citation.facts(paths)
    files = [file for file in tables if file.is_file()]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [f"{CR}1.0", f"{CR}RAI/1.0"],
        "name": about["name"],
        "description": numbers.filled(about["description"], known).strip(),
        "version": facts["version"],
        "license": f"https://spdx.org/licenses/{facts['license']}.html",
        "creator": [{"@type": "Organization", "name": author["name"]} for author in facts["authors"]],
        "url": facts["preferred-citation"]["url"],
        "citeAs": citation.package(paths),
        **({"datePublished": when} if (when := provenance.committed_on(paths.root)) else {}),
        **{f"rai:{name}": _filled(value, known) for name, value in about["rai"].items()},
        "distribution": [_file(paths.relative(file), file) for file in files],
        "recordSet": [_records(paths.relative(file), file) for file in files],
    }


def _filled(value: str | list[str], known: dict[str, numbers.Number]) -> str | list[str]:
    return numbers.filled(value, known) if isinstance(value, str) else [numbers.filled(one, known) for one in value]


def _file(name: str, file: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": "text/csv",
        "sha256": origin.sha256(file),
    }


def _records(name: str, file: Path) -> dict[str, Any]:
    """A record set of a table, a field a column, under the table's name without its ending."""
    own = name.removesuffix(".csv").replace("/", "-")
    return {
        "@type": "cr:RecordSet",
        "@id": own,
        "name": own,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{own}/{column}",
                "name": column,
                "dataType": kind,
                "source": {"fileObject": {"@id": name}, "extract": {"column": column}},
            }
            for column, kind in _columns(file)
        ],
    }


def _columns(file: Path) -> Iterator[tuple[str, str]]:
    """Each column and the kind of its values; whole numbers with gaps are numbers."""
    head = list(pd.read_csv(file, nrows=0).columns)
    for column, values in read_csv(file, head).items():
        yield str(column), "sc:Text" if values.isna().all() else KINDS.get(values.dtype.kind, "sc:Text")
