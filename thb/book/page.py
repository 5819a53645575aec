"""What stands around pages: a banner above all; files, rerun command and provenance below exhibits."""

from __future__ import annotations

from thb.book import provenance
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.words import text
from thb.report.load import Results


def banner(results: Results) -> str:
    """HTML above every page: which corpus and profile the numbers come from."""
    params = results.params
    where = f"profile <b>{text(params.profile)}</b>, seed {params.active.seed}"
    if params.active.corpus == "mini":
        return (
            f"<b>Rendered clips</b> ({where}): rendered by this package, no real person, no published video. "
            "Numbers are <b>not comparable</b> with the paper's."
        )
    return f"<b>Published clips</b>, revision {text(params.active.revision)} ({where})."


def footer(paths: Paths, params: Params, name: str) -> str:
    """HTML below an exhibit: its files, the command that reruns it, and where it comes from."""
    made = provenance.made_from(paths, name)
    files = "".join(
        f'<a href="{text(name)}.{kind}"{extra}>{label}</a>'
        for kind, label, extra in (
            ("csv", "CSV", " download"),
            ("svg", "SVG", ""),
            ("pdf", "PDF", ""),
            ("png", "PNG", ""),
            ("ipynb", "notebook", " download"),
        )
    )
    facts = [
        f"stage <code>exhibit@{text(name)}</code>",
        f"commit {text(provenance.commit(paths.root))}",
        f"parameters {provenance.params_hash(params, name)}",
        f"profile {text(params.profile)}",
        f"seed {params.active.seed}",
        *(text(f"{path} {digest}") for path, digest in made["inputs"].items()),
        text(", ".join(f"{package} {version}" for package, version in made["versions"].items())),
    ]
    return (
        f'<div class="thb-foot"><p class="files"><b>Download</b> {files}</p>'
        f"<p><b>Rerun this exhibit</b> from the root of the clone:</p>"
        f'<div class="highlight"><pre>{text(provenance.rerun(params, name))}</pre></div>'
        f'<p class="provenance">{" · ".join(facts)}</p></div>'
    )
