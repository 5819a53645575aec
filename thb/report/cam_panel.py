"""Figures 4, 5, 6, E.7 and E.8: where a detector looks, on clips that a written rule chose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thb.report import cam_drawing, cams, style, tables
from thb.report.cam_choice import PALETTES, RULES, Asked, check, kept, order_of, panels_of, rows_of, verdict
from thb.report.cam_drawing import Block
from thb.report.cams import Panels
from thb.report.exhibit import Exhibit
from thb.report.load import Results, open_results

SOUND = {"sound": "sound", "sound_maps": "sound_map", "sound_times": "sound_times"}  # array -> part of a block
ACROSS = 4  # frames side by side, where one protocol is shown


def build(
    detector: str = "tall",
    protocols: Sequence[str] = ("P1",),
    generators: Sequence[str] = (),
    rules: Sequence[str] = ("caught_fake",),
    frames: int = 2,
    palette: str = "inferno",
    chosen_by: str = "",
) -> Exhibit:
    """The panel of one detector; no generators: all of the protocol; no `chosen_by`: the detector's own scores."""
    results = open_results()
    asked = Asked(detector, list(protocols), list(generators), list(rules), frames, palette, chosen_by or detector)
    check(results, asked)
    panels = panels_of(results, asked)
    order = order_of(results, asked, panels)
    rows = rows_of(results, asked, panels, order)
    return Exhibit(
        title=_title(results, asked),
        html=_html(results, asked, rows, panels),
        rows=rows,
        drawing=_draw(results, asked, panels, order),
        alt=_alt(results, asked, rows),
    )


# ── Words ────────────────────────────────────────────────────────────────────────────────────────


def _by(results: Results, asked: Asked, rule: str) -> str:
    """The rule in words, and whose score it reads if not the detector's own."""
    words = RULES[rule][0]
    if asked.chosen_by == asked.detector:
        return words
    return words.replace("with the", f"with {cams.label(results, asked.chosen_by)}'s")


def _title(results: Results, asked: Asked) -> str:
    what = " and ".join(_by(results, asked, rule) for rule in asked.rules)
    where = [", ".join(asked.protocols), *(results.label(g) for g in asked.generators)]
    return f"Where {cams.label(results, asked.detector)} looks: {what} ({', '.join(where)})"


def _alt(results: Results, asked: Asked, rows: pd.DataFrame) -> str:
    if rows.empty:
        return cams.NONE_HERE
    words = leaning(rows).map(
        {
            1: "more heat on the background than its share of the picture",
            -1: "no more heat on the background than its share of the picture",
            0: "heat on the background not measured",
        }
    )
    said = [
        f"{protocol}, {word}: {', '.join(map(results.label, own['source']))}"
        for (protocol, word), own in rows.groupby(["protocol", words])
    ]
    return (
        f"{len(rows)} clips: frames, and below them the same in grey under the heat of "
        f"{cams.label(results, asked.detector)}. {'; '.join(said)}."
    )


def _html(results: Results, asked: Asked, rows: pd.DataFrame, panels: Panels | None) -> str:
    if rows.empty:
        return "".join(
            f"<p>{tables.text(line)}</p>"
            for line in cams.absent(results, [asked.detector]) or ["No clip was chosen by these rules."]
        )
    name = next(iter(results.params.metrics.fpr))
    heads = [
        "Clip",
        "Source",
        "Protocol",
        "Chosen as",
        "Score",
        f"{tables.text(name)} threshold",
        "Verdict",
        "Heat on background",
        "It covers",
        "Peak",
    ]
    bodies = [tables.body([_table_row(results, asked, row)]) for row in rows.to_dict("records")]
    caption = f"{tables.text(cams.label(results, asked.detector))} <small>· the clips shown</small>"
    table = tables.table(caption, heads, bodies, words={"Source", "Protocol", "Chosen as", "Verdict"})
    return table + tables.notes([*_notes(results, asked, rows), *_drawn(panels)])


def _table_row(results: Results, asked: Asked, row: dict) -> str:
    left_out = results.params.protocols[row["protocol"]].fit == "no-generator"
    fit = row["protocol"] + (f", without {results.label(row['generator'])}" if left_out else "")
    numbers = [f'<td data-value="{row[k]:.6g}">{tables.decimal(row[k], 3)}</td>' for k in ("score", "threshold")]
    shares = [f'<td data-value="{row[k]:.6g}">{tables.decimal(row[k])}</td>' for k in ("background", "covers", "peak")]
    return tables.row(
        tables.clip(row["clip"]),
        [
            tables.plain(results.label(row["source"])),
            tables.plain(fit),
            tables.plain(_by(results, asked, row["rule"])),
            *numbers,
            tables.plain(row["verdict"]),
            *shares,
        ],
    )


def _notes(results: Results, asked: Asked, rows: pd.DataFrame) -> list[str]:
    by = tables.text(cams.label(results, asked.chosen_by))
    lines = [
        f"Which clips: {_rules(asked)}, by the score of {by}. The rule chose them; nobody looked first.",
        *_called(results, asked, rows),
        "Grad-CAM: the activations of one layer, each channel weighted by how much it raises the fake logit, summed; "
        "what lowers the logit is cut off at nought.",
        "One scale runs from nought to the largest value in the whole panel. Peak: a clip's largest value as a share "
        "of it. Heat on the background is measured on all explained frames of the clip, not only those drawn.",
    ]
    if results.params.active.corpus != "mini":
        lines.append(
            "These are frames of published clips and of your own real ones: see what their licences allow "
            "before you pass this page on."
        )
    return lines


def _drawn(panels: Panels) -> list[str]:
    """What else than heat is drawn."""
    words = {
        "boxes": "Boxes: where the detector itself says that a fault lies, each with its probability.",
        "sound": "Below the frames: the sound of one window as a spectrogram, low frequencies above, under heat "
        "of its own, which cannot be compared with that on the frames.",
    }
    return [line for name, line in words.items() if name in panels.arrays]


def _rules(asked: Asked) -> str:
    per = {1: "of each generator and protocol", 0: "among the test reals under each fit"}
    return "; ".join(f"{words} {per[label]}" for words, label in (RULES[rule] for rule in asked.rules))


def _called(results: Results, asked: Asked, rows: pd.DataFrame) -> list[str]:
    """How many of the shown are called fake; the rule looks at rank alone, so this may surprise."""
    known = rows[rows["threshold"].notna()]
    called = known["verdict"].str.startswith("called")
    lines = []
    if len(known):
        lines.append(
            f"Clips shown that reach the threshold of {tables.text(cams.label(results, asked.detector))} "
            f"and are called fake: {int(called.sum())} of {len(known)}."
        )
    if not called[known["rule"] == "caught_fake"].all():
        lines.append(
            "A fake may have the highest score of its generator and still not be called fake: then none of them was."
            if asked.chosen_by == asked.detector
            else "The clips were chosen by another detector's scores, so this one may well miss them."
        )
    if len(known) < len(rows):
        lines.append("No threshold: there are too few test reals to allow a single false positive.")
    return lines


def sentences(results: Results) -> list[str]:
    """Per network: of its own highest-scoring fakes, how many it calls fake, and whether their background is hot."""
    lines = []
    for detector in cams.at_hand(results):
        asked = Asked(detector, ["P1", "P3"], [], ["caught_fake"], 1, PALETTES[0], detector)
        panels = panels_of(results, asked)
        rows = rows_of(results, asked, panels, order_of(results, asked, panels))
        for protocol, own in rows.groupby("protocol"):
            lines.append(_sentence(results, detector, str(protocol), own))
    return lines or [cams.NONE_HERE]


def _sentence(results: Results, detector: str, protocol: str, rows: pd.DataFrame) -> str:
    measured, more = int((leaning(rows) != 0).sum()), int((leaning(rows) > 0).sum())
    return (
        f"Of each generator's fake with the highest score, {tables.text(cams.label(results, detector))} calls "
        f"{int(rows['verdict'].str.startswith('called').sum())} of {len(rows)} fake in {protocol}; the "
        f"background holds more heat than its share of the picture in {more} of {measured}."
    )


def leaning(rows: pd.DataFrame) -> pd.Series:
    """1 where the background holds more heat than its area, -1 where it does not, 0 where that is not known."""
    more = rows["background"] > rows["covers"]
    return (2 * more.astype(int) - 1).where(rows["background"].notna(), 0)


# ── The figure ───────────────────────────────────────────────────────────────────────────────────


def _draw(results: Results, asked: Asked, panels: Panels | None, order: list[int]):
    if not order:
        with style.look():
            return style.message("No clip to show.")
    blocks = {i: _block(results, asked, panels, i) for i in order}
    if len(asked.protocols) > 1:
        return cam_drawing.draw(_by_protocol(asked, panels, blocks), _heads(results, asked), asked.palette)
    columns = max(1, min(len(order), ACROSS // asked.frames))
    padded = [*blocks.values(), *[None] * (-len(order) % columns)]
    return cam_drawing.draw([padded[i : i + columns] for i in range(0, len(padded), columns)], [], asked.palette)


def _by_protocol(asked: Asked, panels: Panels, blocks: dict[int, Block]) -> list[list[Block | None]]:
    """A row per (generator, rule), a column per protocol."""
    rows = panels.rows.loc[list(blocks)]
    at = {(r["generator"], r["rule"], r["protocol"]): blocks[i] for i, r in rows.iterrows()}
    return [[at.get((*key, p)) for p in asked.protocols] for key in dict.fromkeys((g, rule) for g, rule, _ in at)]


def _heads(results: Results, asked: Asked) -> list[tuple[str, str]]:
    return [(name, results.protocol(name).title) for name in asked.protocols]


def _block(results: Results, asked: Asked, panels: Panels, index: int) -> Block:
    shown, arrays = kept(panels, asked.frames), panels.arrays
    own = {
        name: arrays[name][index][shown]
        for name in ("pictures", "maps", "times", "boxes", "box_sure")
        if name in arrays
    }
    heard = {field: arrays[name][index] for name, field in SOUND.items() if name in arrays}
    return Block(lines=_lines(results, asked, panels.rows.loc[index]), **own, **heard)


def _lines(results: Results, asked: Asked, row: pd.Series) -> list[str]:
    """A clip's caption: source, rule, score against threshold."""
    words, name = verdict(results, row), next(iter(results.params.metrics.fpr))
    at = "" if np.isnan(row["threshold"]) else f"{name} at {row['threshold']:.2f}: "
    rule = RULES[row["rule"]][0].removeprefix("the ").replace(" with the", ",") + ":"
    if asked.chosen_by != asked.detector:
        rule = f"{cams.label(results, asked.chosen_by)}'s {rule.split()[1]}, here"
    return [results.label(row["source"]), f"{rule} {row['score']:.2f}", at + words.removesuffix(f" at {name}")]
