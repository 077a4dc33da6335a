"""Which experiments run, in which order, and which are left alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fer_nb import results
from fer_nb.errors import BadInput, MissingData
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
    with pytest.raises(BadInput, match=r"'a\.z': did you mean .*a\.x.*results show"):
        experiments.chosen(["a.z"])
    with pytest.raises(BadInput, match=r"'nonsense': did you mean a\?"):
        experiments.chosen(["nonsense"])


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


def test_the_book_and_make_results_speak_of_the_same_people() -> None:
    """An experiment runs on the test people exactly if the records in the repository do."""
    for module in experiments.modules():
        kept = [id for id in experiments.written_by(module) if (results.folder() / f"{id}.json").exists()]
        told = {str(results.load(id).split or "").split(",")[0] for id in kept} - {""}
        name = experiments.name_of(module)
        alone = hasattr(module, "test_block")
        assert ("test" in told) == (name in experiments.ON_TEST or alone), (
            f"{name}: its records are of {told}"
        )


def test_experiments_run_as_the_book_reports_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []

    def run(split: str = "validate") -> None:
        ran.append(split)

    for name in ("attack_images", "anonymizer"):
        experiments.remake(SimpleNamespace(__name__=f"x.{name}", run=run))  # type: ignore[arg-type]
    assert ran == ["test", "validate"]
    both: Any = SimpleNamespace(__name__="x.two", run=run, test_block=lambda: ran.append("once"))
    experiments.remake(both)
    assert ran[2:] == ["validate", "once"]


def test_what_has_no_data_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[int] = []

    def missing() -> None:
        raise MissingData("faces: not here: put them there")

    one: Any = SimpleNamespace(__name__="x.one", RECORDS=("a.x",), run=missing)
    two: Any = SimpleNamespace(__name__="x.two", RECORDS=("a.y",), run=lambda: ran.append(1))
    monkeypatch.setattr(experiments, "modules", lambda: iter([one, two]))
    experiments.make()
    told = capsys.readouterr().err
    assert ran == [1] and "put them there" in told and told.endswith("left out for want of data: one\n")
    with pytest.raises(MissingData, match="not here"):  # asked for by name: say no
        experiments.make(["a.x"])
