"""What was run: every detector's settings at the published size and here, read from params.yaml, comments and all."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from thb.core.errors import ParamsError, unknown
from thb.report import style, tables, vouched
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results

COLUMNS = ["detector", "setting", "published", "here", "differs", "meaning"]
FIT = "all"  # the fit whose size is told; all fits of a detector have the same


def build(detectors: list[str] = ()) -> Exhibit:
    """The exhibit; every detector of params.yaml unless some are named."""
    results = open_results()
    chosen = list(detectors) or list(results.params.detectors)
    rows = settings(results, chosen)
    sizes = parameters(results, chosen)
    return Exhibit(
        title="What was run",
        html=_html(results, rows, sizes),
        rows=rows,
        drawing=_draw(results, sizes),
        alt="Dots on a logarithmic axis: the parameters of each detector at the published size and as run here.",
    )


def settings(results: Results, detectors: list[str]) -> pd.DataFrame:
    """COLUMNS: a row for every setting of every detector, in the order of params.yaml."""
    known = results.params.detectors
    if odd := [d for d in detectors if d not in known]:
        raise ParamsError(unknown("detector", odd[0], known))
    written = YAML(typ="rt").load(results.paths.params.read_text(encoding="utf-8"))["detectors"]
    rows = [
        {
            "detector": d,
            "setting": key,
            "published": shown(published),
            "here": shown(here),
            "differs": published != here,
            "meaning": _comment(written[d]["defaults"], key),
        }
        for d in detectors
        for key, published, here in _pairs(known[d].defaults, results.params.detector(d))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _pairs(defaults: dict[str, Any], here: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(key, value, here[key]) for key, value in defaults.items()]


def shown(value: Any) -> str:
    """A value as params.yaml would write it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _comment(mapping: CommentedMap, key: str) -> str:
    """What stands behind a key in params.yaml; '' if nothing does."""
    token = (mapping.ca.items.get(key) or [None] * 3)[2]
    return token.value.splitlines()[0].lstrip("# ").strip() if token else ""


def parameters(results: Results, detectors: list[str]) -> pd.DataFrame:
    """detector, published, published_trainable, here, trainable: how many numbers each network that was run learns."""
    rows = []
    sizes = {name: results.params.detectors[name].parameters for name in detectors}
    for name, published in ((n, size) for n, size in sizes.items() if size):
        about = vouched.fit(results.paths, results.params, name, FIT)
        if "absent" in about:
            continue
        rows.append(
            {
                "detector": name,
                "published": published.total,
                "published_trainable": published.trainable,
                "here": about["parameters"],
                "trainable": about["trainable"],
            }
        )
    return pd.DataFrame(rows, columns=["detector", "published", "published_trainable", "here", "trainable"])


def summary(results: Results, rows: pd.DataFrame, sizes: pd.DataFrame, detector: str) -> str:
    """One line: its size, and how much of it was run as published."""
    own = rows[rows["detector"] == detector]
    said = f"{int(own['differs'].sum())} of {len(own)} settings are not those of the published size"
    size = sizes[sizes["detector"] == detector]
    if size.empty:
        return said
    one = size.iloc[0]
    return (
        f"{_size(one['here'], one['trainable'])}; at the published size "
        f"{_size(one['published'], one['published_trainable'])}; {said}"
    )


def _size(total: int, trainable: int) -> str:
    return f"{total:,} parameters, {'all' if trainable == total else f'{trainable:,}'} of them trained"


def _html(results: Results, rows: pd.DataFrame, sizes: pd.DataFrame) -> str:
    parts = [_detector_table(results, rows, sizes, d) for d in dict.fromkeys(rows["detector"])]
    notes = [
        "The published size stands under <code>detectors.&lt;name&gt;.defaults</code> in params.yaml: the "
        "authors' values where their code tells them; where a value is ours, its meaning says so. "
        "<code>compat: official</code> repeats their code's habits. The profile overrides what it makes small.",
        "A setting in bold was run otherwise. Meanings are the comments of params.yaml.",
    ]
    return "\n".join([*parts, tables.notes(notes)])


def _detector_table(results: Results, rows: pd.DataFrame, sizes: pd.DataFrame, detector: str) -> str:
    own = rows[rows["detector"] == detector]
    bodies = [
        tables.body(
            [
                tables.row(
                    tables.text(r["setting"]),
                    [tables.plain(r["published"]), _here(r["here"], r["differs"]), tables.plain(r["meaning"])],
                )
            ]
        )
        for r in own.to_dict("records")
    ]
    label = results.params.detectors[detector].printed or detector
    return tables.table(
        f"{tables.text(label)} <small>· {tables.text(summary(results, rows, sizes, detector))}</small>",
        ["Setting", "Published size", "Here", "Meaning"],
        bodies,
        words={"Published size", "Here", "Meaning"},
    )


def _here(value: str, differs: bool) -> str:
    return f'<td class="text"><b>{tables.text(value)}</b></td>' if differs else tables.plain(value)


def _draw(results: Results, sizes: pd.DataFrame) -> Figure:
    with style.look():
        if sizes.empty:
            return style.message("No network was run.")
        figure, (ax,) = style.panels([0.35 * len(sizes) + 0.9])
        for i, size in enumerate(sizes.to_dict("records")):
            ax.plot([size["here"], size["published"]], [i, i], color=style.RULE, lw=1.2, zorder=1)
            ax.plot(size["published"], i, "D", color=style.COLOURS[0], mfc="white", ms=5, label="published size")
            ax.plot(size["here"], i, "o", color=style.COLOURS[0], ms=5, label="here")
        ax.set(xscale="log", xlabel="parameters", title="How large each network is")
        style.powers(ax.xaxis)
        ax.set_yticks(range(len(sizes)), [results.params.detectors[d].printed or d for d in sizes["detector"]])
        ax.set_ylim(len(sizes) - 0.5, -0.5)
        ax.grid(axis="x")
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles[:2], labels[:2], loc="outside lower center", ncols=2)
    return figure
