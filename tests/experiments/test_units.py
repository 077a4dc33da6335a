"""Kept units of work, and the recipes that they are kept under."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb.experiments import _units


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(_units, "PACKAGE", tmp_path)
    return tmp_path


def test_settings_and_code_decide_the_recipe_comments_and_docstrings_do_not(package):
    (package / "one.py").write_text("x = 1\n")
    first = _units.recipe("v2", 3, modules=["one"])
    assert len(first) == 12
    assert first not in (_units.recipe("v2", 4, modules=["one"]), _units.recipe("v2", 3))
    (package / "one.py").write_text('"""Told."""\nx = 1  # as before\n')
    assert _units.recipe("v2", 3, modules=["one"]) == first
    (package / "one.py").write_text("x = 2\n")
    assert _units.recipe("v2", 3, modules=["one"]) != first


def test_a_module_that_is_not_there_is_an_error(package):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.py"):
        _units.recipe(modules=["nowhere"])


def test_a_unit_is_made_once_and_again_where_its_file_is_damaged(tmp_path):
    path, calls = tmp_path / "deep" / "unit.npz", []

    def make():
        calls.append(1)
        return {"it": np.arange(len(calls))}

    assert _units.kept(path, make)["it"].tolist() == [0]
    assert _units.kept(path, make)["it"].tolist() == [0] and len(calls) == 1
    path.write_bytes(b"no arrays")
    assert _units.kept(path, make)["it"].tolist() == [0, 1]


def test_what_failed_is_not_kept(tmp_path):
    def make():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        _units.kept(tmp_path / "unit.npz", make)
    assert list(tmp_path.iterdir()) == []
