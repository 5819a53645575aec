"""Weights of others' networks: where they are looked for, and that nothing unchecked is used."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from thb.clips import faces
from thb.core import model_files
from thb.core.errors import DataError, ParamsError
from thb.core.params import Net
from thb.core.paths import Paths

CONTENT = b"weights"


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No variable of the user's, and nobody answers where the Hub should be."""
    monkeypatch.delenv("THB_YUNET", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    set_client_factory(default_client_factory)  # a test of fetch may have left its own


def known(**changes: str) -> dict[str, Net]:
    about = {
        "repo": "some/one",
        "revision": "0" * 40,
        "file": "net.onnx",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    } | changes
    return {"yunet": Net(**about)}


def own(folder: Path, content: bytes = CONTENT, name: str = "own.onnx") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def test_the_variable_comes_before_the_path(tmp_path, monkeypatch):
    assert model_files.weights("yunet", known(path=str(own(tmp_path)))) == tmp_path / "own.onnx"
    monkeypatch.setenv("THB_YUNET", str(own(tmp_path, name="other.onnx")))
    assert model_files.weights("yunet", known(path=str(tmp_path / "own.onnx"))) == tmp_path / "other.onnx"


def test_other_content_than_the_pinned_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"own.onnx has SHA-256 .*…, not .*nets.yunet.sha256 if you trust it"):
        model_files.weights("yunet", known(path=str(own(tmp_path, b"something else"))))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"the weights of yunet: .*none.onnx is no file; get net.onnx of some/one"):
        model_files.weights("yunet", known(path=str(tmp_path / "none.onnx")))


def test_without_the_hub_one_line_says_what_to_do(monkeypatch):
    """The real client library, told that there is no network: a refused connection it would try for long."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError) as caught:
        model_files.weights("yunet", known())
    assert "cannot be had from some/one on the Hub" in str(caught.value)
    assert "name it in nets.yunet.path or THB_YUNET" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_yunet_the_finder_that_needs_no_download_is_offered(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    offer = r"THB_YUNET; or take `finder: haar` \(`--finder haar` of thb detect\)"
    with pytest.raises(DataError, match=offer) as caught:
        faces.finder("yunet", Paths(Path()), known())
    assert "\n" not in str(caught.value)


def test_what_the_hub_gave_is_checked_too(tmp_path, monkeypatch):
    asked = []

    def give(repo, file, revision):
        asked.append((repo, file, revision))
        return str(own(tmp_path, b"a wrong byte", file))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", give)
    with pytest.raises(DataError, match="net.onnx has SHA-256"):
        model_files.weights("yunet", known())
    assert asked == [("some/one", "net.onnx", "0" * 40)]


def test_unknown_names_are_refused():
    with pytest.raises(ParamsError, match="unknown network under nets 'sface'; known: yunet"):
        model_files.weights("sface", known())


def test_params_yaml_names_the_network_of_every_finder_that_needs_one(params):
    assert set(faces.FINDERS) - {"truth", "haar"} <= set(params.nets)
    with pytest.raises(DataError):  # the file is looked for, so the finder rests on it
        faces.finder("yunet", Paths(Path()), known(path="none.onnx"))
