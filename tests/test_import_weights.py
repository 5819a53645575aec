"""Importing published checkpoints: whatever container, nothing run, nothing missing, nothing left over."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import shutil
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stores import random_clips, smoke
from typer.testing import CliRunner

from thb import detectors
from thb.cli.main import app
from thb.core.errors import DataError, ParamsError, printable
from thb.core.paths import Paths
from thb.core.tables import write_json
from thb.detect import verdicts
from thb.fits import import_weights
from thb.fits.absent import Fit

NETWORKS = import_weights.importable()


@pytest.fixture
def small(params, name):
    """What makes the detector small."""
    return {**smoke(params).active.detectors[name], **import_weights.AS_PUBLISHED}


@pytest.fixture
def theirs(params, name, small):
    """A network with weights of its own, whose state stands for a published one."""
    torch.manual_seed(7)
    network = detectors.load(name).Detector(detectors.configure(name, {**params.detectors[name].defaults, **small}))
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape) * 0.2 + 0.1)
    return network.eval()


MOST = 10**9


def published_state(network) -> dict[str, torch.Tensor]:
    names = network.published_names()
    return {names[own]: tensor for own, tensor in network.state_dict().items()}


def bring_in(tmp_path, params, name, file, small, fit="imported"):
    paths = Paths(tmp_path)
    import_weights.run(paths, params, name, file, fit, small)
    return detectors.restore(paths.imported(name, fit) / "weights.safetensors", name)


CONTAINERS = {
    "network": lambda state: {"network": state, "opt_state": {"state": {}, "param_groups": [{"lr": 0.1}]}, "epoch": 3},
    "model": lambda state: {
        "model": state,
        "optimizer": {},
        "args": argparse.Namespace(lr=1e-5, name="x"),
        "max_accuracy": 97.5,
    },
    "best": lambda state: {"best_val_auc": np.float64(0.93), "best_state_dict": state},
    "state_dict": lambda state: {"epoch": np.int64(4), "state_dict": {f"module.{k}": v for k, v in state.items()}},
    "bare": lambda state: state,
    "bench": lambda state: {f"model.{k}": v for k, v in state.items()},
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_checkpoint_gives_the_same_scores_whatever_it_lies_in(tmp_path, params, name, small, theirs, container):
    torch.save(CONTAINERS[container](published_state(theirs)), tmp_path / "c.pth")
    ours = bring_in(tmp_path, params, name, tmp_path / "c.pth", small)
    clips = random_clips(2, length=ours.length)
    assert ours.config.compat == "official"
    assert torch.equal(ours.score(clips), theirs.score(clips))


@pytest.mark.parametrize("name", NETWORKS)
def test_safetensors_and_half_precision_are_read(tmp_path, params, name, small, theirs):
    state = {k: v.half() if v.is_floating_point() else v for k, v in published_state(theirs).items()}
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "c.safetensors")
    ours = bring_in(tmp_path, params, name, tmp_path / "c.safetensors", small)
    assert [v.dtype for v in ours.state_dict().values()] == [v.dtype for v in theirs.state_dict().values()]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_does_not_fit_is_named(tmp_path, params, name, small, theirs):
    state = published_state(theirs)
    first = next(iter(state))
    torch.save({k: v for k, v in state.items() if k != first}, tmp_path / "short.pth")
    torch.save({**state, "sighs": torch.zeros(1)}, tmp_path / "long.pth")
    torch.save({**state, first: torch.zeros(2, 3, 5, 7)}, tmp_path / "odd.pth")
    for file, said in {
        "short": f"1 names missing, first '{first}'; 0 names unexpected",
        "long": "0 names missing; 1 names unexpected, first 'sighs'",
        "odd": f"'{first}' has shape \\(2, 3, 5, 7\\) there",
    }.items():
        with pytest.raises(DataError, match=said):
            bring_in(tmp_path, params, name, tmp_path / f"{file}.pth", small)
    assert not (tmp_path / "runs").exists()


class Trap:
    """What a hostile pickle does: it would touch a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path):
    torch.save({"model": {"w": torch.zeros(1)}, "args": Trap(tmp_path / "ran")}, tmp_path / "trap.pth")
    with pytest.raises(DataError, match=r"trap.pth needs \w+\.mkdir, which could run code and is refused; .*save_file"):
        import_weights.read_checkpoint(tmp_path / "trap.pth", MOST)
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore")  # torch advises against making such archives
def test_other_files_are_named_for_what_they_are(tmp_path):
    (tmp_path / "noise.pth").write_bytes(os.urandom(200))
    (tmp_path / "noise.safetensors").write_bytes(os.urandom(200))
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "empty.pth")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2)), tmp_path / "script.pt")
    for name, said in {
        "noise.pth": "noise.pth",
        "noise.safetensors": "not a whole safetensors file",
        "empty.pth": "holds no state dict.*found epoch, lr",
        "list.pth": "found list",
        "script.pt": "TorchScript archive",
        "gone.pth": "is not a file",
    }.items():
        with pytest.raises(DataError, match=said):
            import_weights.read_checkpoint(tmp_path / name, MOST)


def test_a_control_has_nothing_to_import_whatever_the_file(tmp_path, params):
    torch.save({"w": torch.zeros(1)}, tmp_path / "c.pth")
    for file in ("c.pth", "gone.pth"):
        with pytest.raises(ParamsError, match="'container' is a control.*tall"):
            import_weights.run(Paths(tmp_path), params, "container", tmp_path / file, "imported", {})


def test_the_command_checks_its_words(repo, tmp_path, monkeypatch):
    shutil.copy(repo / "params.yaml", tmp_path)
    monkeypatch.setenv("THB_ROOT", str(tmp_path))
    for words, said in {
        ("tal", "x.pth"): "unknown detector 'tal'",
        ("tall", "x.pth", "--fit", "all"): "'all' is trained here",
        ("tall", "x.pth", "--set", "dim"): "'dim' is not KEY=VALUE",
        ("container", "x.pth"): "'container' is a control",
        ("tall", "x.pth"): "x.pth is not a file",
    }.items():
        done = CliRunner().invoke(app, ["import-weights", *words])
        assert said in str(done.exception), words


@pytest.mark.parametrize("name", ["tall"])
def test_a_fit_that_cannot_be_made_is_given_weights_by_its_own_name(project, params, name, small, theirs):
    torch.save(published_state(theirs), project.root / "c.pth")
    words = [
        "import-weights",
        name,
        str(project.root / "c.pth"),
        "--fit",
        "all",
        *(word for key, value in small.items() for word in ("--set", f"{key}={json.dumps(value)}")),
    ]
    assert "'all' is trained here" in str(CliRunner().invoke(app, words).exception)
    write_json({"all": "no usable real clip of use 'train'"}, project.absent_fits)
    assert Fit(project, params, name, "all").skips_scoring()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert not Fit(project, params, name, "all").skips_scoring()


# ---- what is no checkpoint, or one that nobody should load ------------------------------------------------------

NO_NAMES = [
    "",
    ".",
    "..",
    "../x",
    "../../../../x",
    "/tmp/x",
    "a/b",
    "a\\b",
    ".hidden",
    "-dash",
    "a b",
    "a\nb",
    "x\x00",
    "é",
    "a" * 65,
    "a" * 100_000,
    "~",
    "{{ x }}",
    "$HOME",
    "x;y",
]


@pytest.mark.parametrize("fit", NO_NAMES, ids=range(len(NO_NAMES)))
def test_a_name_that_could_lead_elsewhere_is_refused_before_anything_is_read(tmp_path, params, fit):
    for refuse in (
        lambda: import_weights.run(Paths(tmp_path / "clone"), params, "tall", tmp_path / "gone", fit, {}),
        lambda: verdicts.appoint(Paths(tmp_path / "clone"), ["tall"], fit, "", params.metrics),
    ):
        with pytest.raises(ParamsError, match=r"^fit '.*is no name: it takes 1 to 64 of") as refused:
            refuse()
        assert len(printable(refused.value)) < 300
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fit", ["imported", "no-hallo", "b3.pkl", "A", "0", "v1..2", "a" * 64])
def test_other_names_are_taken(tmp_path, params, fit):
    with pytest.raises(DataError, match="gone is not a file"):
        import_weights.run(Paths(tmp_path), params, "tall", tmp_path / "gone", fit, {})


def deflated(file, size: int, pieces: int = 1) -> None:
    """An archive as torch writes them, whose numbers are noughts and squeezed."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}q\x00.")
        for piece in range(pieces):
            archive.writestr(f"x/data/{piece}", bytes(size // pieces))


def test_an_archive_that_grows_beyond_all_weights_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    for pieces in (1, 50):
        deflated(tmp_path / "bomb.pth", 2**24, pieces)
        with pytest.raises(DataError, match=r"bomb.pth would grow from [\d,]+ bytes to 16,777,2\d\d when"):
            import_weights.read_checkpoint(tmp_path / "bomb.pth", MOST)
        with pytest.raises(DataError, match=r"holds 16,777,2\d\d bytes unpacked; .* no more than 1,000,000"):
            import_weights.read_checkpoint(tmp_path / "bomb.pth", 10**6)
    for name in ("plain.pth", "plain.safetensors"):
        (tmp_path / name).write_bytes(bytes(2000))
        with pytest.raises(DataError, match="holds 2,000 bytes"):
            import_weights.read_checkpoint(tmp_path / name, 1999)


def odd_files(folder) -> dict[str, str]:
    """name -> what is said of it."""
    header = struct.pack("<Q", 10**9) + b"{}"
    lies = b'{"w":{"dtype":"F32","shape":[9,9],"data_offsets":[0,4]}}'
    files = {
        "empty.pth": (b"", "no checkpoint that torch can read"),
        "text.pth": (b"hello\nworld\n", "text.pth"),
        "latin.txt": ("na\xefve".encode("latin-1"), "latin.txt"),
        "html.pth": (b"<!doctype html>", "html.pth"),
        "dot.pkl": (b".", "dot.pkl"),
        "number.pkl": (pickle.dumps(5), "number.pkl"),
        "cut.pth": (b"PK\x03\x04" + bytes(60), "cut.pth"),
        "zip.pth": (b"PK\x05\x06" + bytes(18), "zip.pth"),
        "tuple.pkl": (pickle.dumps({(1, 2): 3}, 2), "tuple.pkl"),
        "none.pkl": (pickle.dumps({}, 2), "none.pkl"),
        "empty.safetensors": (b"", "not a whole"),
        "huge.safetensors": (header, "not a whole"),
        "lies.safetensors": (struct.pack("<Q", len(lies)) + lies + bytes(4), "not a whole"),
        "text.SAFETENSORS": (b"hello hello hello", "not a whole"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return {name: said for name, (_, said) in files.items()}


def test_what_is_no_checkpoint_is_one_line_that_names_it(tmp_path):
    for name, said in odd_files(tmp_path).items():
        with pytest.raises(DataError, match=re.escape(said)) as refused:
            import_weights.read_checkpoint(tmp_path / name, MOST)
        assert name in str(refused.value)
        assert "\n" not in str(refused.value), name


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_folder_or_a_pipe_is_no_file_and_nobody_waits(tmp_path, make):
    make(tmp_path / "c.pth")
    with pytest.raises(DataError, match="c.pth is not a file"):
        import_weights.read_checkpoint(tmp_path / "c.pth", MOST)


ODD_TENSORS = {
    "a quantised": lambda: torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8),
    "a sparse": lambda: torch.ones(2).to_sparse(),
    "a complex": lambda: torch.ones(2, dtype=torch.complex64),
    "an empty (meta)": lambda: torch.ones(2, device="meta"),
}


@pytest.mark.filterwarnings("ignore")  # torch calls some of these old
@pytest.mark.parametrize("kind", ODD_TENSORS)
def test_a_tensor_that_holds_no_plain_numbers_is_named(tmp_path, kind):
    torch.save({"fine": torch.ones(1), "odd.weight": ODD_TENSORS[kind]()}, tmp_path / "c.pth")
    with pytest.raises(DataError) as refused:
        import_weights.read_checkpoint(tmp_path / "c.pth", MOST)
    assert f"c.pth: 'odd.weight' is {kind} tensor" in str(refused.value)


@pytest.mark.parametrize("name", ["tall"])
def test_numbers_that_are_none_or_of_another_kind_are_named(tmp_path, params, name, small, theirs):
    state = published_state(theirs)
    first = next(n for n, tensor in state.items() if tensor.is_floating_point() and tensor.numel() > 1)
    spoilt = {
        "nan": torch.full_like(state[first], torch.nan),
        "inf": torch.full_like(state[first], -torch.inf),
        "far": torch.full_like(state[first], 1e300, dtype=torch.float64),
        "ints": state[first].long(),
        "bools": state[first].bool(),
    }
    for kind, tensor in spoilt.items():
        torch.save({**state, first: tensor}, tmp_path / "c.pth")
        said = "int64|bool" if kind in ("ints", "bools") else "numbers that are none"
        with pytest.raises(DataError, match=f"{re.escape(repr(first))} (is of|holds) ({said})"):
            bring_in(tmp_path, params, name, tmp_path / "c.pth", small)
    assert not (tmp_path / "runs").exists()
