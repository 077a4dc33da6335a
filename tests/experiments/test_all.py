"""Which experiments run, in which order, and which are left alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fer_nb import results
from fer_nb.errors import BadInput
from fer_nb.experiments import all as experiments


def test_weights_come_first() -> None:
    names = [module.__name__.rsplit(".", 1)[-1] for module in experiments.modules()]
    assert "landmarks_speed" in names and "all" not in names
    assert names[:2] == ["first_path", "defense_arms"] and names[-1] == "book_cost"
    assert sorted(names[2:-1]) == names[2:-1]


def test_ids_and_their_beginnings_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (
        SimpleNamespace(__name__=n, RECORDS=r) for n, r in (("one", ("a.x", "a.y")), ("two", ("a.xx",)))
    )
    monkeypatch.setattr(experiments, "modules", lambda: iter([one, two]))
    assert experiments.chosen([]) == [one, two]
    assert experiments.chosen(["a.x"]) == [one] and experiments.chosen(["a.xx"]) == [two]
    assert experiments.chosen(["a"]) == [one, two]
    with pytest.raises(BadInput, match=r"'b.z': choose from a\.x, a\.xx, a\.y"):
        experiments.chosen(["b.z"])


def test_a_record_of_other_code_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    ran: list[int] = []
    module: Any = SimpleNamespace(__name__="x.one", RECORDS=("a.x",), run=lambda: ran.append(1))
    monkeypatch.setattr(experiments, "modules", lambda: iter([module]))
    results.write(results.record("a.x", 1.0))
    experiments.make()
    assert ran == []
    results.write(results.record("a.x", 1.0, code="0" * 16))
    experiments.make()
    assert ran == [1]


def test_an_experiment_without_ids_judges_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    module: Any = SimpleNamespace(__name__="x.one", run=lambda: ran.append(1))
    monkeypatch.setattr(experiments, "modules", lambda: iter([module]))
    experiments.make()
    assert ran == [1]
