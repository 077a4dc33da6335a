"""The outside judges: what counts as a response, what they are shown, and what happens without them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fer_nb import mime, results
from fer_nb.errors import BadInput
from fer_nb.experiments import mime_judges as judges
from fer_nb.labels import LABELS

RAMP = np.linspace(0, 1, len(judges.LEVELS))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "results"
    path.mkdir()
    monkeypatch.setenv("FER_NB_RESULTS", str(path))
    monkeypatch.delenv("FER_NB_FACE_LANDMARKER", raising=False)
    monkeypatch.delenv("FER_NB_JUDGE", raising=False)
    return path


@pytest.mark.parametrize(("curve", "answer"), [
    (RAMP, True),
    (0.2 + 0.16 * RAMP, True),
    (0.2 + 0.14 * RAMP, False),
    (1 - RAMP, False),
    (np.array([0.0, 0.0, 0.0, 0.0, 0.9, 0.05]), False),
    (np.array([0.0, 0.1, 0.3, 0.2, 0.5, 0.6]), True),
    (np.array([0.0, 0.6, 0.1, 0.5, 0.2, 0.4]), False),
])  # fmt: skip
def test_a_response_rises_enough_and_steadily(curve: np.ndarray, answer: bool) -> None:
    assert judges.respond(curve) is answer


def test_matched_units_exist_and_the_blind_ones_are_left_out() -> None:
    assert set(judges.MATCH) <= set(mime.UNITS) and len(judges.MATCH) >= 12
    assert not {"AU6", "AU9"} & set(judges.MATCH)
    for blendshapes in judges.MATCH.values():
        sides = [name for name in blendshapes if name.endswith(("Left", "Right"))]
        assert len(blendshapes) == (2 if sides else 1) and len(sides) in (0, 2)


def test_people_of_the_judges_are_of_the_validate_block() -> None:
    numbers = mime.BLOCKS["validate"].numbers
    assert judges.FIRST in numbers and judges.FIRST + judges.PEOPLE - 1 in numbers


def test_apex_stills_show_six_expressions() -> None:
    stills = judges.apex_stills(1)
    assert [label for label, _, _ in stills] == list(LABELS[1:])
    for _, person, image in stills:
        assert person == 0 and image.shape == (160, 160, 3) and image.dtype == np.uint8
    again = judges.apex_stills(1)
    assert all(np.array_equal(a[2], b[2]) for a, b in zip(stills, again, strict=True))


class Judge:
    """A tracker that scores a blendshape by what it is told was rendered."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.blendshapes: dict[str, float] = {}

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __call__(self, image: np.ndarray) -> None:
        person, unit, level = image
        names = {name for blendshapes in judges.MATCH.values() for name in blendshapes}
        self.blendshapes = dict.fromkeys(names, 0.05) if person != judges.FIRST + 1 else {}
        if self.blendshapes and unit != "AU20":
            self.blendshapes |= dict.fromkeys(judges.MATCH[unit], 0.05 + 0.5 * level)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the judge what is rendered instead of a picture of it."""

    def face(person: int, units: dict[str, float]) -> Any:
        ((unit, level),) = units.items()
        return person, unit, level

    monkeypatch.setattr(mime, "face", face)
    monkeypatch.setattr(judges, "TaskTracker", Judge)


def test_scores_are_means_over_the_people_that_were_found(told: None) -> None:
    table = judges.responses(Judge(), people=3)  # type: ignore[arg-type]
    units = list(judges.MATCH)
    assert table.shape == (len(units), len(judges.LEVELS), len(units)) and np.isfinite(table).all()
    smile = units.index("AU12")
    np.testing.assert_allclose(table[smile, :, smile], 0.05 + 0.5 * judges.LEVELS)
    np.testing.assert_allclose(table[smile, :, units.index("AU1")], 0.05)


def test_the_blendshape_judge_is_recorded_and_logged(folder: Path, told: None) -> None:
    judges.blendshape_response(Path("face_landmarker.task"))
    record = results.load("mime.blendshape_response")
    count = len(judges.MATCH)
    assert record.value == pytest.approx((count - 1) / count) and record.n == count and record.met is True
    assert "do not respond: AU20" in record.note and record.split == "validate"
    assert record.command == "fer-nb results make mime.blendshape_response"
    (look,) = results.looks()
    assert (look["judge"], look["value"]) == ("mediapipe-blendshapes", record.value)
    rows = (folder / "mime.blendshape_crosstalk.csv").read_text().splitlines()
    assert rows[0] == "rendered," + ",".join(judges.MATCH) and len(rows) == count + 1
    assert rows[1].startswith("AU1,0.500,0.000")


def answer(**changes: Any) -> str:
    confusion = {label: {label: 3, "neutral": 1} for label in LABELS[1:]} | {
        "fear": {"surprise": 3, "no face": 1}
    }
    return "a line of noise\n" + json.dumps(
        {"accuracy": 0.0, "no_face": 1, "n": 24, "confusion": confusion, **changes}
    )


@pytest.mark.parametrize(("block", "id", "look"), [
    ("validate", "mime.read_by_real_network.validate", "face-api-expression"),
    ("sealed", "mime.read_by_real_network", "face-api-expression, sealed people"),
])  # fmt: skip
def test_the_network_judge_gets_the_frames_and_is_recorded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, block: str, id: str, look: str
) -> None:
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    monkeypatch.setattr(judges, "apex_stills", lambda block: [("anger", 0, image), ("fear", 0, image)])

    run = subprocess.run

    def node(command: list[str], **options: Any) -> Any:
        if command[0] == "git":
            return run(command, **options)
        frames = Path(options["env"]["FRAMES"])
        assert command == ["node", "judge.cjs"]
        assert json.loads((frames / "m.json").read_text()) == [["anger", 4, 5], ["fear", 4, 5]]
        assert (frames / "1.bin").read_bytes() == image.tobytes()
        return SimpleNamespace(stdout=answer())

    monkeypatch.setattr(subprocess, "run", node)
    judges.real_network(Path("judge.cjs"), block=block)
    record = results.load(id)
    assert record.split == block
    assert (record.value, record.n) == (15 / 24, 24)
    assert record.low is not None and record.high is not None and record.low < record.value < record.high
    assert "anger 3/4" in record.note and "fear 0/4" in record.note
    assert "1 without a face, 5 read as neutral" in record.note
    assert results.looks()[0]["judge"] == look


@pytest.mark.parametrize("failure", [
    FileNotFoundError("node"),
    subprocess.CalledProcessError(1, "node"),
    SimpleNamespace(stdout="no answer"),
])  # fmt: skip
def test_a_judge_that_fails_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch, failure: Any) -> None:
    def node(*_: Any, **__: Any) -> Any:
        if isinstance(failure, Exception):
            raise failure
        return failure

    monkeypatch.setattr(subprocess, "run", node)
    with pytest.raises(BadInput, match=r"judge\.cjs: the judge fails") as caught:
        judges.ask_script(Path("judge.cjs"), [])
    assert "\n" not in str(caught.value) and results.looks() == []


def test_without_judges_records_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [results.write(results.record(id, 0.5)) for id in judges.RECORDS]
    before = [path.read_bytes() for path in kept]
    monkeypatch.setenv("FER_NB_JUDGE", str(folder / "gone.cjs"))
    judges.run()
    assert [path.read_bytes() for path in kept] == before and results.looks() == []
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 2 and "its record kept" in said.err


def test_the_judges_that_are_here_are_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(judges, "blendshape_response", lambda path: asked.append(path.name))
    monkeypatch.setattr(judges, "real_network", lambda path: asked.append(path.name))
    for variable, name in (("FER_NB_FACE_LANDMARKER", "a.task"), ("FER_NB_JUDGE", "b.cjs")):
        (folder / name).touch()
        monkeypatch.setenv(variable, str(folder / name))
    judges.run()
    assert asked == ["a.task", "b.cjs"]


def test_every_mime_record_has_one_author() -> None:
    from fer_nb.experiments import all as experiments

    authors: dict[str, list[str]] = {}
    for module in experiments.modules():
        for id in experiments.written_by(module):
            authors.setdefault(id, []).append(module.__name__)
    assert {id: names for id, names in authors.items() if len(names) > 1} == {}
    for id in ("mime.blendshape_response", "mime.seconds_fit100", "mime.identity_top1.oval"):
        assert id in authors
