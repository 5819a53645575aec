"""The road of the published data, from fetch to book, on a small release of our own from a server on this machine.

    python tests/published_made.py                    # with the real videos
    python tests/published_made.py --without-reals    # fakes alone: what can be run is run, and the rest says why
    python tests/published_made.py --in FOLDER        # keep everything there, and go on from it
    python tests/published_made.py --rendered FOLDER  # with the clips of another clone's data/raw, in profile smoke
    python tests/published_made.py --full             # profile paper's own settings but epochs, on 512 px; needs a GPU

The clips are rendered and stand where the published ones would; the client library, the stages, `thb reproduce` and
the book are the real ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hub_server import PINNED, Fault, serving

from thb.cells.columns import CELL_COLUMNS
from thb.cli import cards
from thb.core.params import load
from thb.core.paths import Paths
from thb.core.tables import CORPUS_COLUMNS, COVERAGE_COLUMNS, MISSING, read_csv, read_json
from thb.reencoded import conditions

ROOT = Path(__file__).resolve().parent.parent
PROFILE, RENDERED_BY = "fixture", "smoke"
RELEASED = ("fake", "audio", "real/real_dataset_split.json", "real/real_dataset_split_official_ff++.json")
# What the release only lists: variable -> its folder, the videos of reals in that, a name that is in no list.
OWN = {
    "THB_FFPP": ("real/ffpp", "original_sequences/youtube/c23/videos", "999.mp4"),
    "THB_CELEBVHQ": ("real/celebvhq", ".", "NotInAnyList_7.mp4"),
}


def clone(target: Path) -> None:
    """The working tree as it is, in a repository of its own."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)


def use_fixture_profile(params: Path, full: bool) -> None:
    """Profile paper's sources and finder of the kind that needs no download, at the smallest size or at its own."""
    settings = yaml.safe_load(params.read_text(encoding="utf-8"))
    small, published = (settings["profiles"][name] for name in (RENDERED_BY, "paper"))
    settings["profiles"][PROFILE] = {
        **(at_full_size(settings) if full else small),
        "corpus": "hub",
        "revision": PINNED,
        "raw_dir": None,
        "render": None,
        "reals": published["reals"],
        "finder": "haar",
    }
    settings["profile"] = PROFILE
    params.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    again = params.with_name(conditions.FILE)
    asked = yaml.safe_load(again.read_text(encoding="utf-8"))
    asked["test_clips"][PROFILE] = asked["test_clips"][RENDERED_BY]
    again.write_text(yaml.safe_dump(asked, sort_keys=False), encoding="utf-8")


def at_full_size(settings: dict[str, Any]) -> dict[str, Any]:
    """Profile paper for benchmarks/on_gpu.py's release: few epochs, from random weights, as there is no network."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import on_gpu

    made = on_gpu.profile(settings, on_gpu.SIZES[-1], small=False, precision=None)
    own = {name: {k: v for k, v in keys.items() if k != "start_from"} for name, keys in made["detectors"].items()}
    return {**made, "detectors": own}


def render(target: Path, full: bool) -> Path:
    """The folder of a rendered corpus, laid out as the release; made by another clone, in another profile."""
    maker = target / "maker"
    if not (maker / "rendered").is_file():
        shutil.rmtree(maker, ignore_errors=True)
        clone(maker)
        if full:
            params = maker / "params.yaml"
            settings = yaml.safe_load(params.read_text(encoding="utf-8"))
            settings["profiles"][PROFILE] = at_full_size(settings)
            params.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        for command in (["profile", PROFILE if full else RENDERED_BY], ["fetch"]):
            run(maker, ["-m", "thb", *command])
        (maker / "rendered").touch()
    return maker / "data" / "raw"


def released(raw: Path) -> dict[str, bytes]:
    """What the Hub holds of it: path -> content, with two files that no stage reads."""
    files = [file for name in RELEASED for file in sorted([raw / name, *(raw / name).rglob("*")]) if file.is_file()]
    return {file.relative_to(raw).as_posix(): file.read_bytes() for file in files} | {
        "README.md": b"not wanted",
        "fake/Elsewhere/a.mp4": bytes(4000),
    }


def own_reals(raw: Path, target: Path) -> dict[str, str]:
    """Variable -> folder of a user's real videos; one that the list names is missing, one is in no list."""
    out = {}
    for variable, (folder, videos, unlisted) in OWN.items():
        own = target / variable.lower()
        if not own.exists():
            shutil.copytree(raw / folder, own)
            first = min((own / videos).glob("*.mp4"))
            first.rename(first.with_name(unlisted))
        out[variable] = str(own)
    return out


def run(folder: Path, command: list[str], environment: Mapping[str, str] | None = None) -> None:
    """A Python command in a clone, by that clone's code."""
    bare = {
        name: value
        for name, value in os.environ.items()
        if name not in ("THB_ROOT", "THB_RAW_DIR", "HF_TOKEN", "HF_HUB_OFFLINE", *OWN)
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), bare.get("PATH", "")])
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**bare, "PATH": path, "PYTHONPATH": str(folder), **(environment or {})},
    )
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed in {folder}")


def check(here: Path, with_reals: bool) -> None:
    """What came out is what must come out: a number wherever there are clips, a reason wherever there are none."""
    results = Paths(here)
    coverage, cells = read_csv(results.coverage, COVERAGE_COLUMNS), read_csv(results.cells, CELL_COLUMNS)
    listed = read_csv(results.corpus, CORPUS_COLUMNS).query("role == 'real'")
    absent, params = set(read_json(results.metrics).get("absent", {})), load(results.params)
    deaf = (cells["detector"] == "lipfd") & (cells["generator"] == "magi1")  # silent clips, as in the release
    assert set(coverage["status"]) == {MISSING}
    assert set(cells["corpus"]) == {"hub"}
    if with_reals:
        assert len(coverage) == len(OWN) == listed["missing"].sum()
        assert (cells["value"].isna() == deaf).all()
        assert not absent
    else:
        assert len(coverage) == listed["clips"].sum() == listed["missing"].sum()
        assert cells["value"].isna().all()
        assert absent == {f"{detector}/{fit}" for detector in params.detectors for fit in params.fits}
    assert (results.html / "index.html").is_file()


def go(target: Path, with_reals: bool, full: bool, rendered: Path | None) -> None:
    """Fetch to book by `thb reproduce`; then DVC must find nothing to do."""
    raw, here = rendered or render(target, full), target / ("with-reals" if with_reals else "without-reals")
    if not here.exists():
        clone(here)
        use_fixture_profile(here / "params.yaml", full)
    with serving(released(raw), page=200) as hub:
        hub.faults += [Fault("drop", "Hallo", after=3000, times=3), Fault("status", "", status=503, times=2)]
        environment = {"HF_ENDPOINT": hub.url} | (own_reals(raw, target) if with_reals else {})
        run(here, ["-m", "thb", "reproduce"], environment)
        run(here, ["-m", "thb", "data", "status"], environment)
        run(here, ["-m", "dvc", "status", "--quiet"], environment)
    check(here, with_reals)
    print(
        f"{len(hub.files_asked())} requests for files, {sum(hub.tried.values())} of them answered wrongly; the book: "
        f"{Paths(here).html / 'index.html'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--without-reals", action="store_true", help="as somebody who has the release alone")
    parser.add_argument("--in", dest="folder", type=Path, help="keep everything in this folder, and go on from it")
    parser.add_argument("--rendered", type=Path, help=f"another clone's data/raw, in profile {RENDERED_BY}")
    parser.add_argument("--full", action="store_true", help="at profile paper's own sizes; refused without a GPU")
    asked = parser.parse_args()
    if asked.full and not cards.found():
        raise SystemExit("a rehearsal at full size needs a GPU, and nvidia-smi lists none; leave FULL (--full) out")
    if asked.rendered and not all((asked.rendered / name).exists() for name in RELEASED):
        raise SystemExit(f"--rendered {asked.rendered} is no rendered corpus: it has to hold {', '.join(RELEASED)}")
    given = not asked.without_reals, asked.full, asked.rendered
    if asked.folder:
        asked.folder.mkdir(parents=True, exist_ok=True)
        go(asked.folder.resolve(), *given)
    else:
        with tempfile.TemporaryDirectory() as folder:
            go(Path(folder), *given)


if __name__ == "__main__":
    main()
