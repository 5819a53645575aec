"""The frames beside the explorer's clip names: the right one under each name, and none of anybody real."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from stores import SOURCES, smoke, vouch, write_store

from thb.book import frames
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths


@pytest.fixture
def clone(params, tmp_path) -> SimpleNamespace:
    """Results, as far as frames ask: of a store whose clips are told by their red, frames by green, sources by blue."""
    params = smoke(params)
    paths = write_store(tmp_path, params)
    for i, source in enumerate(SOURCES):
        file = paths.clips(source) / "frames.npy"
        kept = np.load(file)
        clips, times = np.ogrid[: kept.shape[0], : kept.shape[1]]
        kept[:] = np.stack(np.broadcast_arrays(10 * clips, 20 * times, 200 * i), axis=-1)[:, :, None, None]
        np.save(file, kept)
    vouch(paths, params)
    return SimpleNamespace(params=params, paths=paths)


def test_each_clip_has_its_middle_frame_at_its_place(clone):
    groups = {
        "fakes": ["hallo/unusable", "hallo-002", "hallo-000"],
        "reals": [f"ffpp-{i:03d}" for i in range(22, 0, -1)],
    }
    found = frames.sheet(clone, SOURCES, groups)
    kind, _, content = found["picture"].partition(",")
    assert kind == "data:image/jpeg;base64"
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))), float)
    middle = 20 * (clone.params.active.store.frames // 2)
    reals = [[10 * i, middle, 200] for i in range(22, 0, -1)]
    for group, own in {"fakes": [[0, 0, 0], [20, middle, 0], [0, middle, 0]], "reals": reals}.items():
        for i, colour in enumerate(own, found["starts"][group]):
            y, x = (found["side"] * n for n in divmod(i, found["columns"]))
            seen = sheet[y : y + found["side"], x : x + found["side"]]
            assert seen.mean(axis=(0, 1)) == pytest.approx(colour, abs=6), (group, i)


def test_clips_that_are_real_or_not_here_have_no_frame(clone, tmp_path):
    groups = {"reals": ["ffpp-000"]}
    real = SimpleNamespace(params=changed(clone.params, corpus="hub"), paths=clone.paths)
    assert frames.sheet(clone, SOURCES, groups)
    assert frames.sheet(real, SOURCES, groups) is None
    assert frames.sheet(SimpleNamespace(params=clone.params, paths=Paths(tmp_path / "x")), SOURCES, groups) is None


def test_clips_of_another_run_are_refused(clone):
    other = SimpleNamespace(params=changed(clone.params, seed=1), paths=clone.paths)
    with pytest.raises(DataError, match="run `thb prepare hallo`"):
        frames.sheet(other, SOURCES, {})


def changed(params: Params, **settings: object) -> Params:
    """The same but for these settings of the active profile."""
    profiles = {**params.profiles, params.profile: params.active.model_copy(update=settings)}
    return params.model_copy(update={"profiles": profiles})
