"""Every number and computed sentence of the book's prose, each with the file it was read from."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from thb.book import cards, citation, getting_data, home, quoted, sentences
from thb.core.errors import printable
from thb.core.params import Params
from thb.report import findings, shifts, statistics_table
from thb.report.load import Results
from thb.report.tables import text

PARAMS, CELLS, CORPUS, CURATION = (
    "params.yaml",
    "results/cells.csv",
    "results/corpus.csv",
    "results/curation.csv",
)
METRICS, TABLE4, TABLE1 = (
    "results/metrics.json",
    "paper/published/table4_stats.csv",
    "paper/published/table1_datasets.csv",
)
LEAKAGE, COMPARED = "results/leakage.json", "results/comparisons.csv"
CITATION, REFERENCES = "CITATION.cff", "paper/references.bib"
SCORES, ABLATED = "results/scores", "results/variants"
PRINTED = "paper/published/tables_5_6_7_D9_D10_all_long.csv"


@dataclass(frozen=True)
class Number:
    """A value as the prose shows it, and where it comes from.

    It is words, whatever they hold; a `block` is paragraphs, lists or tables in Markdown, whose maker escapes words.
    """

    shown: str
    source: str
    block: bool = False

    def markdown(self) -> str:
        """What the page gets: the value, with its source shown on hover."""
        hover = f'class="from-file" title="from {text(self.source)}"'
        if self.block:
            return f"<div {hover}>\n\n{self.shown}\n\n</div>"
        return f"<span {hover}>{text(self.shown)}</span>"


def all_numbers(results: Results) -> dict[str, Number]:
    """name -> value, for {{ name }} in the book's pages; computed once for the same files, as some take seconds."""
    key = _fingerprint(results)
    if key not in _KNOWN:
        inline = {**_settings(results.params), **clips(results), **_printed(results), **_to_get(results)}
        _KNOWN.clear()
        _KNOWN[key] = {**inline, **_sentences(results), **_citations(results)}
    return dict(_KNOWN[key])


_KNOWN: dict[str, dict[str, Number]] = {}  # what the last files gave


def _fingerprint(results: Results) -> str:
    """A hash of everything that values are read from, wherever the clone lies."""
    root, found = results.paths.root, hashlib.sha256(results.params.model_dump_json().encode())
    below = [file for name in ("paper", "results") for file in sorted((root / name).rglob("*"))]
    single = (results.paths.params, results.paths.citation, root / getting_data.FACES)
    for file in (f for f in (*single, *below) if f.is_file()):
        found.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return found.hexdigest()


def _settings(params: Params) -> dict[str, Number]:
    """What params.yaml fixes."""
    fpr, active = params.metrics.fpr, params.active
    values: dict[str, object] = {
        "profile": params.profile,
        "corpus": active.corpus,
        "seed": active.seed,
        "frames": active.store.frames,
        "windows": active.store.windows,
        "run": active.store.run,
        "frame_size": active.store.size,
        "bootstrap": f"{params.metrics.bootstrap:,}",
        "confidence": f"{params.metrics.confidence:.0%}",
        "n_fits": len(params.fits),
        "n_generators": len(params.generators),
        "n_unseen": len(params.of_role("unseen")),
        "finder": active.finder,
        "failed_share": f"{active.max_failed_share:.0%}",
    }
    for name, alpha in fpr.items():
        key = name.replace(".", "_")
        values |= {f"fpr_{key}": f"{100 * alpha:g} %", f"reals_for_{key}": f"{math.ceil(1 / alpha):,}"}
    return {key: Number(str(value), PARAMS) for key, value in values.items()}


def clips(results: Results) -> dict[str, Number]:
    """How many clips there are, by role."""
    corpus = statistics_table.read_corpus(results)
    test_reals = corpus[(corpus["role"] == "real") & (corpus["split"] == "test")]["ok"].sum()
    fakes = corpus[corpus["role"].isin(["generator", "unseen"])]["clips"].sum()
    values = {
        "n_clips": corpus["clips"].sum(),
        "n_fakes": fakes,
        "n_test_reals": test_reals,
        "n_reals": corpus[corpus["role"] == "real"]["clips"].sum(),
        "n_unusable": (corpus["clips"] - corpus["ok"]).sum(),
    }
    counts = {key: f"{int(value):,}" for key, value in values.items()} | cards.facts(results)
    return {key: Number(shown, CORPUS) for key, shown in counts.items()}


def _to_get(results: Results) -> dict[str, Number]:
    """What the page about the published clips says of them."""
    paper = results.params.profiles["paper"]
    fixed = {"data_revision": paper.revision or "", "failed_share_paper": f"{paper.max_failed_share:.0%}"}
    known = {key: Number(shown, PARAMS) for key, shown in fixed.items()}
    return known | {key: Number(shown, getting_data.COUNTS) for key, shown in getting_data.numbers(results).items()}


def _printed(results: Results) -> dict[str, Number]:
    """Counts that the paper printed."""
    table4 = pd.read_csv(results.paths.root / TABLE4).set_index("generator")
    table1 = pd.read_csv(results.paths.root / TABLE1).set_index("dataset")
    own = table1.loc["TalkingHeadBench (Ours)"]
    total = table4.loc[statistics_table.TOTAL]
    cells = {
        "printed_fakes": (f"{int(total['total']):,}", TABLE4),
        "printed_reals": (f"{int(own['real_count']):,}", TABLE1),
        "printed_removed": (f"{total['ratio_removed_pct_approx']:g} %", TABLE4),
    }
    for protocol in shifts.SHIFTS:
        mean = shifts.printed_over_detectors(results, protocol, findings.headline(results)[1])
        cells[f"printed_{protocol}"] = (str(mean), PRINTED)
    return {key: Number(shown, source) for key, (shown, source) in cells.items()}


def _sentences(results: Results) -> dict[str, Number]:
    """Paragraphs, lists and tables that the numbers write."""
    makers: dict[str, tuple[Callable[[Results], str], str]] = {
        "said_about_clips": (sentences.about_clips, CORPUS),
        "said_about_making": (cards.making, PARAMS),
        "said_about_people": (cards.people, PARAMS),
        "said_about_shifts": (sentences.about_shifts, COMPARED),
        "said_about_controls": (sentences.about_controls, f"{METRICS}, {CELLS}"),
        "said_about_ablations": (sentences.about_ablations, ABLATED),
        "said_about_sizes": (sentences.about_sizes, f"{PARAMS}, {SCORES}"),
        "said_about_sound": (sentences.about_sound, f"{SCORES}, results/shuffled_sound"),
        "said_about_resolution": (sentences.about_resolution, CELLS),
        "found": (sentences.found, f"{COMPARED}, {METRICS}, {CELLS}"),
        "found_in_short": (home.found_in_short, f"{COMPARED}, {METRICS}, {CELLS}"),
        "claims_in_short": (home.claims_in_short, quoted.LEDGER),
        "printed_in_short": (home.printed_in_short, PRINTED),
        "trust_in_short": (home.trust_in_short, f"{CELLS}, {LEAKAGE}, {ABLATED}"),
        "data_parts": (getting_data.parts, getting_data.SOURCES),
        "data_finders": (getting_data.finders, getting_data.FACES),
        "data_counts": (getting_data.counts, f"{getting_data.COUNTS}, {TABLE4}"),
        "model_cards": (cards.models, f"{PARAMS}, {METRICS}, {SCORES}"),
        **quoted.makers(),
    }
    return {name: Number(make(results), source, block=True) for name, (make, source) in makers.items()}


def _citations(results: Results) -> dict[str, Number]:
    """BibTeX, as code to copy."""
    entries = {
        "bibtex_paper": (citation.paper(results.paths), REFERENCES),
        "bibtex_package": (citation.package(results.paths), CITATION),
    }
    return {name: Number(_code(entry), source, block=True) for name, (entry, source) in entries.items()}


def _code(entry: str) -> str:
    """A block of code; its fence is longer than any run of backticks within."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", entry)), default=0))
    return "\n".join([f"{fence}bibtex", *map(printable, entry.splitlines()), fence])
