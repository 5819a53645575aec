"""What a weights file says of itself is read with care: whatever stands there is one line that names the file."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from safetensors.numpy import save_file
from stores import smoke

from thb import detectors
from thb.core.errors import DataError

ODD = {
    "none": (None, "holds weights of None, not of"),
    "text": ("hello", "its `thb` is no JSON"),
    "cut": ('{"detector": "tall", "sett', "its `thb` is no JSON"),
    "deep": ("[" * 100_000, "its `thb` is no JSON"),
    "list": ("[1, 2]", "is no mapping"),
    "word": ('"tall"', "is no mapping"),
    "null": ("null", "is no mapping"),
    "flat": ('{"detector": "tall", "settings": [1]}', "is no mapping"),
    "other": ('{"detector": "caddm", "settings": {}}', "holds weights of 'caddm', not of 'tall'"),
    "odd": ('{"detector": ["tall"]}', r"holds weights of ['tall'], not of"),
    "bare": ('{"detector": "tall"}', "has settings of another version of tall: detectors.tall.defaults lacks"),
    "newer": (
        '{"detector": "tall", "settings": {"colour": 1}}',
        "has settings of another version of tall: unknown key in detectors.tall 'colour'; known: compat",
    ),
}


def written(path, said: str | None) -> None:
    save_file({"w": np.zeros(2, np.float32)}, path, None if said is None else {"thb": said})


@pytest.mark.parametrize("kind", ODD)
def test_odd_metadata_is_one_line_that_names_the_file(tmp_path, kind):
    said, told = ODD[kind]
    written(tmp_path / "w.safetensors", said)
    with pytest.raises(DataError, match=re.escape(told)) as refused:
        detectors.restore(tmp_path / "w.safetensors", "tall")
    assert str(refused.value).startswith(f"{tmp_path / 'w.safetensors'} ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes", [{"dim": 23}, {"heads": [0, 4]}, {"depths": []}, {"patch": 0}, {"window": -1}, {"dim": "wide"}]
)
def test_settings_that_build_no_network_are_one_line_that_names_the_file(tmp_path, params, changes):
    settings = {**smoke(params).detector("tall"), **changes}
    written(tmp_path / "w.safetensors", json.dumps({"detector": "tall", "settings": settings}))
    with pytest.raises(DataError, match=r"w.safetensors (holds no|has settings of|does not fit)") as refused:
        detectors.restore(tmp_path / "w.safetensors", "tall")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["container", "image_stats"])
def test_a_control_whose_file_lacks_its_numbers_is_one_line_too(tmp_path, params, name):
    settings = smoke(params).detector(name)
    written(tmp_path / "w.safetensors", json.dumps({"detector": name, "settings": settings}))
    with pytest.raises(DataError, match=f"w.safetensors holds no {name} that can be built"):
        detectors.restore(tmp_path / "w.safetensors", name)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100])
def test_what_is_no_safetensors_file_is_named(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"w.safetensors is not a whole safetensors file"):
        detectors.restore(tmp_path / "w.safetensors", "tall")
