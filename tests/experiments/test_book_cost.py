"""The cost of the book is that of its slowest notebook, and a failing notebook is no record."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from fer_nb import results
from fer_nb.errors import BadInput
from fer_nb.experiments import book_cost


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fer_nb").mkdir()
    (tmp_path / "fer_nb" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "_build" / "executed").mkdir(parents=True)
    costs = {"00": {"seconds": 31.2, "cores": 2}, "01": {"seconds": 44.5, "cores": 2}}
    (tmp_path / "_build" / "executed" / "costs.json").write_text(json.dumps(costs))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FER_NB_RESULTS", raising=False)
    return tmp_path


def test_the_slowest_is_recorded(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def ran(command: list[str], **options: object) -> SimpleNamespace:
        seen.update(options["env"])  # type: ignore[call-overload]
        assert "--fresh" in command
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", ran)
    (record,) = book_cost.run()
    assert record == results.load("book.notebook_seconds_max")
    assert (record.value, record.n, record.met) == (44.5, 2, True)
    assert not Path(seen["FER_NB_CACHE"]).exists()


def test_a_failure_is_no_record(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(BadInput, match="a notebook failed"):
        book_cost.run()
    assert not (clone / "results").exists()
