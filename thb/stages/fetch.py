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
    with _Bars() as bars:
        write_corpus(paths, render, params.active.seed, {n: s.model_dump() for n, s in sources.items()},
                     params.active.workers, bars.report, [] if paths.variant else _twins(paths, params))


def _twins(paths: Paths, params: Params) -> list[tuple[Paths, float]]:
    """The control corpora that differ in the fingerprint only, and theirs."""
    changes = {name: ablation.model_dump(exclude_none=True) for name, ablation in params.ablations.items()}
    return [(Paths(paths.root, name), c["fingerprint"]) for name, c in changes.items() if set(c) == {"fingerprint"}]


class _Bars:
    """One progress bar a step of the work, closed when the next step begins."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None
        self.step = ""

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def report(self, step: str, done: int, total: int) -> None:
        if step != self.step:
            self.__exit__()
            self.bar, self.step = tqdm(desc=step, total=total, unit="clip"), step
        self.bar.total = total
        self.bar.update(done - self.bar.n)
