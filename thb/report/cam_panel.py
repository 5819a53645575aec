"""What the book's pages say of the clips shown under their heat; the exhibits are of notebooks/gradcam_panel.ipynb."""

from __future__ import annotations

from thb.report import cams, tables
from thb.report.load import Results


def sentences(results: Results) -> list[str]:
    """Per network: of its own highest-scoring fakes, how many it calls fake, and whether their background is hot."""
    lines = []
    for detector, here in cams.networks().items():
        rows = cams.chosen(detector, ["P1", "P3"], frames=1).rows if here else []
        for protocol, own in rows.groupby("protocol") if here else ():
            called = own["threshold"].notna() & (own["called"].astype(str) == "True")
            lines.append(
                f"Of each generator's fake with the highest score, {tables.text(cams.label(detector))} calls "
                f"{called.sum()} of {len(own)} fake in {protocol}; the background holds more heat than its share of "
                f"the picture in {(own['background'] > own['covers']).sum()} of {own['background'].notna().sum()}."
            )
    return lines or [cams.NONE_HERE]
