"""fetch: put the clips of a corpus into data/raw, in the release's own layout."""

from __future__ import annotations

from tqdm import tqdm

from thb.errors import ParamsError
from thb.params import Params
from thb.paths import Paths


def run(paths: Paths, params: Params) -> None:
    """Render the embedded corpus; only this stage knows which corpus it is."""
    if params.active.corpus != "mini":
        raise ParamsError(f"profile {params.profile!r} asks for corpus {params.active.corpus!r}, which this version "
                          "cannot fetch yet; profiles with a corpus that can be had: "
                          + ", ".join(n for n, p in params.profiles.items() if p.corpus == "mini"))
    _render(paths, params)


def _render(paths: Paths, params: Params) -> None:
    from thb.mini.corpus import write_corpus

    render = params.active.render.model_dump()
    sources = params.sources
    if paths.variant:
        render |= params.ablations[paths.variant].model_dump(exclude_none=True)
        sources = {name: source for name, source in sources.items() if source.role == "generator"}
    write_corpus(paths, render, params.active.seed, {n: s.model_dump() for n, s in sources.items()},
                 params.active.workers, tqdm)
