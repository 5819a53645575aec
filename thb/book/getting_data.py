"""What a reader must get to run on the published clips: from where, how large, on which terms, and what is gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from thb.core.tables import read_csv
from thb.report.load import Results
from thb.report.tables import NONE, text

SOURCES, COUNTS = "paper/published/getting_data.csv", "paper/published/release_counts.csv"
FACES = "benchmarks/faces.csv"  # which benchmarks/faces_compared.py writes
FACE_COLUMNS = {"what": "On the same frames", "haar": "Haar's cascades", "yunet": "YuNet"}
COLUMNS = {
    "what": "What",
    "where": "From where",
    "gate": "Asked for",
    "size": "Size",
    "licence": "Licence",
    "state": "Today",
}
COUNT_COLUMNS = ["source", "clips", "when", "from"]
COUNT_HEADS = ["Source", "Table 4, train", "Table 4, test", "released", "says who"]


def parts(results: Results) -> str:
    """The Markdown table of what there is to get; what the file has in backticks is code."""
    table = read_csv(results.paths.root / SOURCES, list(COLUMNS))
    return _markdown(list(COLUMNS.values()), table.to_numpy().tolist())


def counts(results: Results) -> str:
    """The Markdown table of how many clips of each source there are, printed and released."""
    released, printed = _released(results), _printed(results)
    rows = [
        [name, *printed.get(name, [NONE, NONE]), f"{row['clips']:,}", row["from"]] for name, row in released.iterrows()
    ]
    return _markdown(COUNT_HEADS, rows)


def finders(results: Results) -> str:
    """The Markdown table of what the two face finders made of the same frames."""
    table = read_csv(results.paths.root / FACES, list(FACE_COLUMNS))
    return _markdown(list(FACE_COLUMNS.values()), table.to_numpy().tolist())


def numbers(results: Results) -> dict[str, str]:
    """name -> value, for the page's prose."""
    clips, params = _released(results)["clips"], results.params
    roles = {"released_fakes": ("generator", "unseen"), "released_reals": ("real",)}
    return {
        name: f"{sum(int(clips[params.source(s).printed]) for s in params.of_role(*of)):,}"
        for name, of in roles.items()
    }


def _released(results: Results) -> pd.DataFrame:
    return read_csv(results.paths.root / COUNTS, COUNT_COLUMNS).set_index("source")


def _printed(results: Results) -> dict[str, list[int]]:
    """Printed name -> Table 4's train and test."""
    table = read_csv(results.paths.published / "table4_stats.csv", ["generator", "train", "test"])
    return {row["generator"]: [row["train"], row["test"]] for row in table.to_dict("records")}


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head, *below = (f"| {' | '.join(map(_cell, line))} |" for line in [heads, *rows])
    return "\n".join([head, "|---" * len(heads) + "|", *below])


def _cell(value: object) -> str:
    """Words and `code`, in turns."""
    words = str(value).split("`")
    return "".join(
        f"<code>{text(part)}</code>" if i % 2 else _between(part)
        for i, part in enumerate(words if len(words) % 2 else [str(value)])
    )


def _between(words: str) -> str:
    """Words beside code, with the space that sets them off."""
    return " " * words.startswith(" ") + text(words) + " " * words.endswith(" ")
