"""fetch: put the clips of a corpus into data/raw, in the release's own layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from tqdm import tqdm

from thb.core import origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_json
from thb.corpus import real_lists
from thb.corpus.download.wanted import SOUND


def run(paths: Paths, params: Params, verify: bool = False) -> None:
    """Render the embedded corpus, or download the published one; only this stage knows which it is."""
    paths.raw_record.unlink(missing_ok=True)  # until all is there, nothing vouches for it
    if params.active.corpus == "mini":
        _render(paths, params)
    else:
        _download(paths, params, verify)
    if not paths.variant:  # whose reals are the main corpus's
        real_lists.note(paths, [params.source(name).printed for name in params.of_role("real")])
    write_json(origin.record(origin.of_raw(paths, params), paths.raw, []), paths.raw_record)


def _download(paths: Paths, params: Params, verify: bool) -> None:
    from thb.corpus import own_reals
    from thb.corpus.download.release import Release

    Release(paths, params, _bytes, lambda line: tqdm.write(f"fetch: {line}")).fetch(verify)
    own_reals.note(paths, params)
    _make_folders(paths, params)


def _make_folders(paths: Paths, params: Params) -> None:
    """What DVC asks for: folders that a part of the release lacks; and truth, which nobody knows of published clips."""
    for folder in (paths.raw / SOUND, *(paths.raw / source.folder for source in params.sources.values())):
        folder.mkdir(parents=True, exist_ok=True)
    for name in params.sources:
        (paths.truth / name).mkdir(parents=True, exist_ok=True)
        (paths.truth / name / ".unknown").touch()


@contextmanager
def _bytes(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar of bytes and their rate that several threads may move."""
    lock = Lock()
    with tqdm(desc=what, total=total, unit="B", unit_scale=True, smoothing=0.1) as bar:

        def move(n: int) -> None:
            with lock:
                bar.update(n)

        yield move


def _render(paths: Paths, params: Params) -> None:
    from thb.rendered.corpus import write_corpus

    render = params.active.render.model_dump()
    sources = params.sources
    if paths.variant:
        render |= params.ablations[paths.variant].model_dump(exclude_none=True)
        sources = {name: source for name, source in sources.items() if source.role == "generator"}
    with _Bars() as bars:
        write_corpus(
            paths,
            render,
            params.active.seed,
            {n: s.model_dump() for n, s in sources.items()},
            params.active.workers,
            bars.report,
            [] if paths.variant else _twins(paths, params),
        )


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
