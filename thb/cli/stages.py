"""The stages of dvc.yaml, brought up to date one call at a time inside one process.

`dvc repro` spends seconds a stage on starting, on reading dvc.yaml and dvc.lock, and on writing the lock anew. Here
they are read once, by DVC itself, and the same calls are made that `dvc repro --single-item` makes around a stage's
command, which whoever asks for it runs. What is found and recorded is the same, and so are the bytes of dvc.lock.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.rwlock import rwlock
from dvc.stage import PipelineStage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml

from thb.core.errors import DataError
from thb.core.tables import write_atomic

ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)  # where a stage's entry begins in dvc.lock


class Stages:
    """Every stage by its name; may be asked from several threads, which take turns, in the clone's own folder."""

    def __init__(self, root: Path) -> None:
        """Raises DataError where DVC cannot read dvc.yaml or dvc.lock."""
        self._turn = threading.RLock()
        with _one_line("DVC cannot read dvc.yaml or dvc.lock"):
            self._repo = Repo(str(root), _wait_for_lock=True)
            graph = self._repo.index.graph
        self._stages: dict[str, PipelineStage] = {stage.addressing: stage for stage in graph}
        self.needs = {stage.addressing: {need.addressing for need in graph.successors(stage)} for stage in graph}
        self._lock = LockFile(root / "dvc.lock")

    def close(self) -> None:
        """Let go of DVC's database of hashes."""
        self._repo.close()

    def commands(self, name: str) -> list[str]:
        """A stage's command lines, in turn."""
        command: Any = self._stages[name].cmd
        return command if isinstance(command, list) else command.splitlines()

    def changed(self, name: str) -> bool:
        """Whether DVC would run this stage, what it needs being as it is."""
        with self._held(name) as stage:
            return stage.changed()

    def up_to_date(self) -> bool:
        """Whether DVC would run no stage at all; a folder that many stages read is looked at once."""
        seen: dict[str, Any] = {}
        with self._turn, _one_line("DVC cannot tell what is up to date"), self._repo.lock:
            return not any(self._differs(stage, seen) for stage in self._stages.values())

    def _differs(self, stage: PipelineStage, seen: dict[str, Any]) -> bool:
        """Whether anything of a stage is other than in dvc.lock; `seen` are the hashes of what was looked at."""
        if stage.changed_stage() or stage.is_callback or stage.always_changed:
            return True
        for item in (*stage.deps, *stage.outs):
            if item.use_cache or isinstance(item, ParamsDependency):
                if item.status():
                    return True
                continue
            if item.fs_path not in seen:
                seen[item.fs_path] = item.get_hash() if item.exists else None
            if not item.hash_info or seen[item.fs_path] != item.hash_info:
                return True
        return False

    def begin(self, name: str) -> list[str]:
        """The commands to run before `end`; none where the outputs are up to date, or in the cache of earlier runs.

        Outputs that do not persist are removed first, as DVC does.
        """
        with self._held(name) as stage:
            if not stage.changed():
                return []
            stage.remove_outs(ignore_remove=False, force=False)
            try:
                self._repo.stage_cache.restore(stage)
            except RunCacheNotFoundError:
                stage.save_deps()
                return self.commands(name)
            self._record(stage)
            return []

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Hold what the stage reads and writes, so that DVC in another terminal keeps off: for the commands."""
        stage, settings = self._stages[name], self._repo.config["core"]
        read, written = ([item.fs_path for item in items] for items in (stage.deps, stage.outs))
        with ExitStack() as held:
            with self._turn, _one_line(f"stage {name} failed"):
                hardlink = settings.get("hardlink_lock", False)
                held.enter_context(rwlock(self._repo.tmp_dir, self._repo.fs, "thb reproduce", read, written, hardlink))
            yield

    def end(self, name: str) -> None:
        """Record what the commands left: hashes in dvc.lock, outputs in DVC's cache."""
        with self._held(name) as stage:
            self._record(stage)

    def _record(self, stage: PipelineStage) -> None:
        reported = (out for out in stage.outs if not (out.is_metric or out.is_plot))
        stage.save(run_cache=all(out.use_cache for out in reported))
        stage.commit()
        self._lock.put(to_lockfile(stage))

    @contextmanager
    def _held(self, name: str) -> Iterator[PipelineStage]:
        """The stage, while no other thread of ours and no other DVC is at work; DVC's faults become one line."""
        with self._turn, _one_line(f"stage {name} failed"), self._repo.lock, self._repo.scm_context(quiet=True):
            yield self._stages[name]


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    try:
        yield
    except DvcException as fault:
        raise DataError(f"{what}: {' '.join(str(fault).split())}") from None


class LockFile:
    """dvc.lock as DVC writes it, kept as text: an entry that did not change is neither parsed nor set again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, entry: Mapping[str, Any]) -> None:
        """Write the file with one stage's entry in place of its last one, or at the end."""
        (name,) = entry
        head, entries = self._entries()
        entries[f"{name}:"] = dumps_yaml({"stages": entry}).partition("\n")[2]
        text = head + "".join(entries.values())
        write_atomic(self.path, lambda part: part.write_text(text, encoding="utf-8"))

    def _entries(self) -> tuple[str, dict[str, str]]:
        """What stands before the first stage, and each stage's lines by its first line."""
        text = self.path.read_text(encoding="utf-8") if self.path.is_file() else "schema: '2.0'\nstages:\n"
        starts = [match.start() for match in ENTRY.finditer(text)]
        if not starts:
            return "schema: '2.0'\nstages:\n", {}
        pieces = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
        return text[: starts[0]], {piece.partition("\n")[0].strip(): piece for piece in pieces}
