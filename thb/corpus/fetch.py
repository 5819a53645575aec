"""fetch: put the clips of a corpus into data/raw, in the release's own layout."""

from __future__ import annotations

from contextlib import ExitStack

from tqdm import tqdm

from thb.core import origin
from thb.core.params import Params
from thb.core.paths import Paths
from thb.core.tables import write_json
from thb.corpus import real_lists


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
    from thb.corpus.download.release import SOUND, Release

    Release(paths, params).fetch(verify)
    own_reals.note(paths, params)
    # What DVC asks for: folders that a part of the release lacks, and truth, which is unknown of published clips.
    for folder in (paths.raw / SOUND, *(paths.raw / source.folder for source in params.sources.values())):
        folder.mkdir(parents=True, exist_ok=True)
    for name in params.sources:
        (paths.truth / name).mkdir(parents=True, exist_ok=True)
        (paths.truth / name / ".unknown").touch()


def _render(paths: Paths, params: Params) -> None:
    from thb.rendered.corpus import write_corpus

    assert params.active.render is not None  # checked when params.yaml is read
    render, sources = params.active.render.model_dump(), params.sources
    twins: list[tuple[Paths, float]] = []  # control corpora that differ in the fingerprint only, and theirs
    if paths.variant:
        render |= params.ablations[paths.variant].model_dump(exclude_none=True)
        sources = {name: source for name, source in sources.items() if source.role == "generator"}
    else:
        changes = {name: ablation.model_dump(exclude_none=True) for name, ablation in params.ablations.items()}
        twins = [(Paths(paths.root, n), c["fingerprint"]) for n, c in changes.items() if set(c) == {"fingerprint"}]
    with ExitStack() as stack:
        bars: dict[str, tqdm] = {}  # of the step under way

        def report(step: str, done: int, total: int) -> None:
            if step not in bars:
                stack.close()
                bars.clear()
                bars[step] = stack.enter_context(tqdm(desc=step, total=total, unit="clip"))
            bars[step].total = total
            bars[step].update(done - bars[step].n)

        kinds = {name: source.model_dump() for name, source in sources.items()}
        write_corpus(paths, render, params.active.seed, kinds, params.active.workers, report, twins)
