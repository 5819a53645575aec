"""What training and test share: each protocol's promises and the corpus as a whole, by name; by faces, if asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from thb.core.errors import DataError, unknown
from thb.report import identity_table, style, tables, vouched
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results
from thb.splits import leakage

COLUMNS = ["scope", "kind", "promised", "count", "examples", "trust"]
WHOLE = "corpus"
KEPT, BROKEN, ALLOWED, NOTHING = "kept", "broken", "allowed", "nothing shared"
CLEAN, LOOK, UNKNOWN = "clean", "look closer", "not checked"
KINDS = {"identity": "people", "driver": "driving clips", "generator": "generators", "real": "real clips"}
ONE = {"identity": "person", "driver": "driving clip", "generator": "generator", "real": "real clip"}
DARK = 0.6  # of the colour scale: text on what is darker is white
# What each line on the whole corpus counts, and what follows from one that is not zero.
WHOLE_KINDS = {
    "reals_that_drive": (
        "real clips that also drive a fake",
        "a pair within one split, a leak across splits; the examples name both splits",
    ),
    "repeated": (
        "clips with a portrait and driver that another clip of their generator has",
        "near copies: fewer independent fakes than their number says",
    ),
    "swaps_across_splits": (
        "face swaps whose donor is a real of another split",
        "the fit on swaps may know a face of its test",
    ),
    "trained_officially": (
        "test reals in the training part of FaceForensics++'s own split",
        "only fits that start from weights trained elsewhere on FaceForensics++ may know them",
    ),
    "same_files": (
        "groups of clips that are the same file, byte for byte",
        "one clip under several names; across splits it is a leak",
    ),
}


def build(protocols: Sequence[str] = ()) -> Exhibit:
    """The exhibit of these protocols (default: all that leakage.json holds) and of the whole corpus."""
    results = open_results()
    rows = shared(results, protocols)
    faces = pd.DataFrame(identity_table.rows(results, protocols), columns=COLUMNS)
    return Exhibit(
        title="What training and test share",
        html=_html(rows, results, protocols),
        rows=pd.concat([rows, faces], ignore_index=True) if len(faces) else rows,
        drawing=_draw(rows),
        alt="A grid of counts: what training and test of each protocol share, by kind; a frame marks what the "
        "protocol promises to keep apart.",
    )


def shared(results: Results, protocols: Sequence[str] = ()) -> pd.DataFrame:
    """COLUMNS: protocol x kind, then the whole corpus x kind; count nan where nothing was checked."""
    found = vouched.leakage(results.paths, results.params)
    for name in protocols:
        results.protocol(name)
        if name not in found["protocols"]:
            raise DataError(unknown("protocol in leakage.json", name, found["protocols"]))
    names = protocols or [name for name in results.params.protocols if name in found["protocols"]]
    rows = [row for name in names for row in _protocol(name, found["protocols"][name])]
    return pd.DataFrame([*rows, *_whole(found["whole"])], columns=COLUMNS)


def _protocol(name: str, kinds: dict[str, dict]) -> Iterator[dict]:
    for kind in leakage.KINDS:
        entry = kinds[kind]
        yield {
            "scope": name,
            "kind": kind,
            "promised": entry["promised"],
            "count": entry["count"],
            "examples": _listed(entry),
            "trust": _trust(entry["promised"], entry["count"]),
        }


def _trust(promised: bool, count: int) -> str:
    """What an overlap means: a promise kept or broken, or something the protocol does not rule out."""
    if promised:
        return BROKEN if count else KEPT
    return ALLOWED if count else NOTHING


def _whole(found: dict[str, dict]) -> Iterator[dict]:
    for kind in found:
        if kind not in WHOLE_KINDS:
            raise DataError(unknown("kind in leakage.json's `whole`", kind, WHOLE_KINDS))
    for kind in WHOLE_KINDS:
        entry = found.get(kind, {"count": float("nan"), "examples": []})
        trust = UNKNOWN if kind not in found else LOOK if entry["count"] else CLEAN
        yield {
            "scope": WHOLE,
            "kind": kind,
            "promised": False,
            "count": entry["count"],
            "examples": _listed(entry),
            "trust": trust,
        }


def _listed(entry: dict) -> str:
    """The examples, and that there are more."""
    more = entry["count"] > len(entry["examples"])
    return "; ".join([*entry["examples"], *(["…"] if more else [])])


# ---- sentences -----------------------------------------------------------------------------------------


def sentences(results: Results) -> list[str]:
    """How many promises are kept, what is shared nevertheless, what the whole corpus holds; what faces say."""
    return [*said(shared(results)), *identity_table.sentences(results)]


def said(rows: pd.DataFrame) -> list[str]:
    return [line for line in (_promises(rows), _allowed(rows), _of_the_whole(rows)) if line]


def _promises(rows: pd.DataFrame) -> str:
    made = rows[rows["promised"].astype(bool)]
    broken = made[made["trust"] == BROKEN]
    which = "; ".join(f"{_shares(row)} although it promises none" for row in broken.to_dict("records"))
    return f"{len(made) - len(broken)} of {len(made)} promises to keep training and test apart are <b>kept</b>" + (
        f"; <b>broken</b>: {which}." if len(broken) else "."
    )


def _allowed(rows: pd.DataFrame) -> str:
    found = rows[rows["trust"] == ALLOWED]
    parts = [_shares(row) for row in found.to_dict("records")]
    return f"Shared where the protocol does not rule it out: {'; '.join(parts)}." if parts else ""


def _shares(row: dict) -> str:
    names = ONE if row["count"] == 1 else KINDS
    return f"{tables.text(row['scope'])} shares {int(row['count']):,} {names[row['kind']]}"


def _of_the_whole(rows: pd.DataFrame) -> str:
    whole = rows[rows["scope"] == WHOLE]
    parts = [
        f"{int(row['count']):,} {WHOLE_KINDS[row['kind']][0]}"
        for row in whole[whole["trust"] == LOOK].to_dict("records")
    ]
    clean = int((whole["trust"] == CLEAN).sum())
    return f"In the corpus as a whole {clean} of {len(whole)} checks find nothing" + (
        f"; found: {'; '.join(parts)}." if parts else "."
    )


# ---- tables --------------------------------------------------------------------------------------------


def _html(rows: pd.DataFrame, results: Results, protocols: Sequence[str]) -> str:
    return "\n".join(
        [
            tables.notes([*said(rows), *identity_table.sentences(results)]),
            _protocol_table(rows[rows["scope"] != WHOLE]),
            _whole_table(rows[rows["scope"] == WHOLE]),
            identity_table.html(results, protocols),
            tables.notes(
                [
                    "“Training” is all that a fit has seen: what it learnt from, and what chose its checkpoint.",
                    "People are those that a clip shows or is moved by: portraits, and the videos of reals and "
                    "drivers.",
                    *_listed_by(results),
                    *identity_table.notes(results),
                ]
            ),
        ]
    )


def _listed_by(results: Results) -> Iterator[str]:
    """Which of the release's lists was followed, as there are several that differ."""
    if name := vouched.leakage(results.paths, results.params).get("reals"):
        yield f"Which real clips there are, and in which split, says <code>{tables.text(name)}</code>."


def _protocol_table(rows: pd.DataFrame) -> str:
    bodies = [
        tables.body(
            [
                tables.row(
                    tables.text(row["scope"]),
                    [
                        tables.word(KINDS[row["kind"]]),
                        tables.word("apart" if row["promised"] else "nothing"),
                        tables.plain(row["count"]),
                        _trusted(row["trust"]),
                        tables.plain(row["examples"]),
                    ],
                )
            ]
        )
        for row in rows.to_dict("records")
    ]
    return tables.table(
        "Between training and test of a protocol",
        ["Protocol", "Kind", "Promised", "Shared", "Trust", "Examples"],
        bodies,
        words={"Kind", "Promised", "Trust", "Examples"},
    )


def _whole_table(rows: pd.DataFrame) -> str:
    bodies = [
        tables.body(
            [
                tables.row(
                    f'<span class="wrap">{WHOLE_KINDS[row["kind"]][0]}</span>',
                    [
                        tables.plain(row["count"]),
                        _trusted(row["trust"]),
                        tables.plain(WHOLE_KINDS[row["kind"]][1] if row["trust"] == LOOK else ""),
                        tables.plain(row["examples"]),
                    ],
                )
            ]
        )
        for row in rows.to_dict("records")
    ]
    return tables.table(
        "In the corpus as a whole",
        ["What", "Found", "Trust", "What it means", "Examples"],
        bodies,
        words={"Trust", "What it means", "Examples"},
    )


def _trusted(trust: str) -> str:
    return tables.word(trust, {KEPT: "holds", CLEAN: "holds", BROKEN: "fails", LOOK: "fails"}.get(trust, ""))


# ---- figure --------------------------------------------------------------------------------------------


def _draw(rows: pd.DataFrame) -> Figure:
    """A grid, protocols downwards and kinds across."""
    rows = rows[rows["scope"] != WHOLE]
    names = list(dict.fromkeys(rows["scope"]))
    with style.look():
        figure, (ax,) = style.panels([0.36 * len(names) + 1.0])
        _grid(figure, ax, rows.set_index(["scope", "kind"]), names)
        kept, broken = (
            Patch(fill=False, edgecolor=colour, lw=1.6, label=label)
            for colour, label in ((style.INK, "promised apart"), (style.COLOURS[1], "promised apart, and broken"))
        )
        figure.legend(handles=[kept, broken], loc="outside lower center", ncols=2)
    return figure


def _grid(figure: Figure, ax: Axes, cells: pd.DataFrame, names: Sequence[str]) -> None:
    counts = np.array([[cells.loc[(name, kind), "count"] for kind in KINDS] for name in names], dtype=float)
    norm = SymLogNorm(1, vmin=0, vmax=max(counts.max(), 10))
    shown = ax.imshow(counts, cmap="Blues", norm=norm, aspect="auto")
    for y, name in enumerate(names):
        for x, kind in enumerate(KINDS):
            ink = "white" if norm(counts[y, x]) > DARK else style.INK
            ax.text(x, y, f"{int(counts[y, x]):,}", ha="center", va="center", color=ink)
            if cells.loc[(name, kind), "promised"]:
                _frame(ax, x, y, broken=counts[y, x] > 0)
    ax.set(xlabel="kind of thing in both training and test", ylabel="protocol")
    ax.set_xticks(range(len(KINDS)), KINDS.values())
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ticks = [0, *(10**k for k in range(int(np.log10(norm.vmax)) + 1))]
    bar = figure.colorbar(shown, ax=ax, shrink=0.9, pad=0.02, ticks=ticks, format="%d")
    bar.minorticks_off()
    bar.set_label("things shared (count)")


def _frame(ax: Axes, x: int, y: int, broken: bool) -> None:
    colour = style.COLOURS[1] if broken else style.INK
    ax.add_patch(Rectangle((x - 0.45, y - 0.42), 0.9, 0.84, fill=False, edgecolor=colour, lw=2.2 if broken else 1.2))
