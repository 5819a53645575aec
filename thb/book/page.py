"""What stands around pages: a banner above all; files, rerun command and provenance below exhibits."""

from __future__ import annotations

import re
from collections import defaultdict

from thb.book import provenance
from thb.book.chain import Tracer
from thb.core.words import text
from thb.report.load import Results

# What the name of a file has before and after the words that tell it from its like.
SHORTER = re.compile(r"^(results/scores|runs|data/splits|data/clips)/|(\.csv|/weights\.safetensors|/clips\.parquet)$")


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


def footer(tracer: Tracer, name: str) -> str:
    """HTML below an exhibit: its files, the command that reruns it, and where it comes from."""
    paths, params = tracer.paths, tracer.params
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
        f'<p class="provenance">{" · ".join(facts)}</p>{_chain(tracer, name)}</div>'
    )


def _chain(tracer: Tracer, name: str) -> str:
    """Folded HTML: the files that an exhibit rests on, from results to the corpus, those made alike together."""
    chain, alike = tracer.exhibit(name), defaultdict(list)
    for link in chain.links[1:]:
        made = ", ".join(f"{key} {link.made_by[key]}" for key in ("code", "settings") if key in link.made_by)
        alike[link.step, made].append(f"{SHORTER.sub('', link.name)} {link.sha256[: provenance.SHORT]}".strip())
    lines = "".join(
        f"<li><b>{text(step)}</b> {text(f'({made})' if made else '')} {text(', '.join(files))}</li>"
        for (step, made), files in alike.items()
    )
    return (
        f"<details><summary>Where its numbers come from</summary><p>{text(chain.told.capitalize())} each with "
        "what made it, and the first digits of its SHA-256 where that is on record. In a clone, "
        f"<code>thb where {text(name)}</code> says whether the files there are these, and what they were made with.</p>"
        f"<ul>{lines}</ul></details>"
    )
