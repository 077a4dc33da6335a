"""The command line: answers alone on standard output, one line per problem, exit status as promised."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest
from typer.testing import CliRunner

from fer_nb import cli, report
from fer_nb.clips import read_clip
from fer_nb.errors import BadInput, FerError, NoFace
from fer_nb.labels import LABELS
from tests.toys import Toys

SCHEMA = json.loads(report.SCHEMA.read_text(encoding="utf-8"))
RUNNER = CliRunner()


def toy_answer(path: str | Path) -> Any:
    """A prediction for six frames at 10 per second: neutral, no face, happiness."""
    p = {label: round(1 / 7, 6) for label in LABELS}
    found = np.array([1, 1, 0, 0, 1, 1], bool)
    points = np.random.default_rng(0).uniform(10, 40, (6, 478, 3)).astype(np.float32)
    points[~found] = np.nan
    plain = {
        "source": str(path),
        "label": "happiness",
        "probabilities": {"temporal": None, "spatial": p, "fused": p},
        "timeline": [
            {"start": 0.0, "end": 0.2, "label": "neutral", "probabilities": p},
            {"start": 0.2, "end": 0.4, "label": None, "probabilities": None},
            {"start": 0.4, "end": 0.6, "label": "happiness", "probabilities": p},
        ],
        "frames": 6,
        "frames_with_face": 4,
        "fps": 10.0,
        "seconds": 0.6,
        "runtime_seconds": 0.01,
    }
    sequence = SimpleNamespace(points=points, found=found)
    return SimpleNamespace(**plain, to_dict=lambda: plain, sequence=sequence, ticks=np.zeros(0), course=[])


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Replace the networks: a path answers with a toy unless this mapping names an error for it."""
    from fer_nb import prediction

    errors: dict[str, Any] = {}

    def predict_many(paths: Any, *, device: str = "cpu") -> Iterator[tuple[str, Any]]:
        if device == "abacus":
            raise BadInput("device 'abacus' cannot be used here: give cpu, or auto")
        for path in paths:
            problem = errors.get(Path(path).name)
            if isinstance(problem, type) and issubclass(problem, BaseException):
                raise problem()
            if isinstance(problem, str):
                warnings.warn_explicit(problem, UserWarning, "x", 1, module="fer_nb.clips")
            yield str(path), problem if isinstance(problem, FerError) else toy_answer(path)

    monkeypatch.setattr(prediction, "predict_many", predict_many)
    yield errors


def run(*arguments: str | Path) -> Any:
    return RUNNER.invoke(cli.app, [str(a) for a in arguments])


def test_json_of_one_video_is_an_object(answers: dict[str, Any]) -> None:
    done = run("predict", "a.mp4", "--json")
    assert done.exit_code == 0 and done.stderr == ""
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, SCHEMA)
    assert answer["label"] == "happiness" and answer["source"] == "a.mp4"


def test_json_of_several_is_a_list_in_order(answers: dict[str, Any]) -> None:
    done = run("predict", "a.mp4", "b.mp4", "--json")
    listed = json.loads(done.stdout)
    jsonschema.validate(listed, SCHEMA)
    assert [answer["source"] for answer in listed] == ["a.mp4", "b.mp4"] and done.exit_code == 0


def test_csv_has_a_row_per_clip_and_stretch(answers: dict[str, Any]) -> None:
    done = run("predict", "a,1.mp4", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["part"] for row in rows] == ["clip", "segment", "segment", "segment"]
    assert rows[0]["label"] == "happiness" and rows[0]["source"] == "a,1.mp4"
    assert rows[2]["label"] == "" and rows[2]["fear"] == "" and float(rows[3]["end"]) == 0.6


def test_text_for_the_eye(answers: dict[str, Any]) -> None:
    done = run("predict", "a.mp4")
    assert done.exit_code == 0
    assert "a.mp4: happiness" in done.stdout and "no face" in done.stdout
    assert "temporal  could not run" in done.stdout and "4 of 6 frames" in done.stdout


@pytest.mark.parametrize(
    ("problem", "status"),
    [(BadInput("bad.mp4: the file is empty: copy it again"), 2), (NoFace("bad.mp4: no face: film one"), 3)],
)
def test_one_video_that_fails(answers: dict[str, Any], problem: FerError, status: int) -> None:
    answers["bad.mp4"] = problem
    for choice in ("--json", "--csv"):
        done = run("predict", "bad.mp4", choice)
        assert done.exit_code == status
        assert done.stderr == f"error: {problem}\n"
    assert run("predict", "bad.mp4", "--json").stdout == ""


def test_others_are_answered_when_one_fails(answers: dict[str, Any]) -> None:
    answers["bad.mp4"], answers["wall.mp4"] = BadInput("bad.mp4: broken"), NoFace("wall.mp4: no face")
    done = run("predict", "a.mp4", "bad.mp4", "wall.mp4", "b.mp4", "--json")
    listed = json.loads(done.stdout)
    assert [answer["source"] for answer in listed] == ["a.mp4", "b.mp4"] and done.exit_code == 2
    assert done.stderr.splitlines() == ["error: bad.mp4: broken", "error: wall.mp4: no face"]
    jsonschema.validate(listed, SCHEMA)
    assert run("predict", "a.mp4", "wall.mp4", "--json").exit_code == 3
    assert json.loads(run("predict", "bad.mp4", "wall.mp4", "--json").stdout) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict",),
        ("predict", "a.mp4", "--json", "--csv"),
        ("predict", "a.mp4", "--unknown"),
        ("predict", "a.mp4", "--plot", "out.xyz"),
        ("predict", "a.mp4", "--overlay", "out.gif"),
        ("predict", "a.mp4", "--device", "abacus"),
        ("dance",),
        ("data", "make", "mime", "--block", "nobody"),
        ("data", "make", "mime", "--people", "0"),
        ("data", "make", "mime", "--people", "100000"),
        ("data", "make", "mime", "--seed", "-1"),
        ("data", "make", "mime", "--people", "many"),
        ("results", "make", "no.such.record"),
    ],
)
def test_wrong_use_is_2_without_a_traceback(answers: dict[str, Any], arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2, done.stderr
    assert done.stdout == "" and done.stderr.strip() and "Traceback" not in done.stderr


def test_what_was_answered_before_an_interrupt_or_a_bug_is_printed(answers: dict[str, Any]) -> None:
    for problem, code in ((KeyboardInterrupt, 130), (ZeroDivisionError, 1)):
        answers["b.mp4"] = problem
        done = run("predict", "a.mp4", "b.mp4", "c.mp4", "--json")
        assert done.exit_code == code
        assert [answer["source"] for answer in json.loads(done.stdout)] == ["a.mp4"]
        assert run("predict", "b.mp4", "c.mp4", "--csv").stdout == ""


def test_an_answer_is_printed_even_if_its_picture_cannot_be_saved(
    answers: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cli, "_save_plot", lambda answer, path: (_ for _ in ()).throw(BadInput(f"{path}: no"))
    )
    done = run("predict", "a.mp4", "--json", "--plot", tmp_path / "a.png")
    assert done.exit_code == 2 and json.loads(done.stdout)["source"] == "a.mp4" and "a.png: no" in done.stderr
    folder = tmp_path / "folder.png"
    folder.mkdir()
    done = run("predict", "a.mp4", "--plot", folder)
    assert done.exit_code == 2 and done.stdout == "" and "is a folder" in done.stderr


def test_interrupt_is_130(answers: dict[str, Any]) -> None:
    answers["b.mp4"] = KeyboardInterrupt
    done = run("predict", "b.mp4", "a.mp4", "--json")
    assert (done.exit_code, done.stdout, done.stderr.splitlines()[-1]) == (130, "", "interrupted")


def test_a_bug_is_one_line_with_a_way_to_see_more(
    answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["a.mp4"] = ZeroDivisionError
    done = run("predict", "a.mp4")
    assert done.exit_code == 1 and len(done.stderr.splitlines()) == 1 and "FER_NB_DEBUG" in done.stderr
    monkeypatch.setenv("FER_NB_DEBUG", "1")
    assert isinstance(run("predict", "a.mp4").exception, ZeroDivisionError)


def test_our_warnings_are_one_line_on_stderr(answers: dict[str, Any]) -> None:
    answers["a.mp4"] = "a.mp4: cut short: 3 of 6 frames\nare used"
    done = run("predict", "a.mp4", "--json")
    assert done.stderr == "warning: a.mp4: cut short: 3 of 6 frames are used\n"
    assert json.loads(done.stdout)["label"] == "happiness"


def test_plot_and_overlay(answers: dict[str, Any], tmp_path: Path) -> None:
    video = Toys(tmp_path).video("a.mp4")
    done = run("predict", video, "--json", "--plot", tmp_path / "new/p.png", "--overlay", tmp_path / "o.mp4")
    assert done.exit_code == 0 and json.loads(done.stdout)
    assert (tmp_path / "new" / "p.png").read_bytes()[:4] == b"\x89PNG"
    drawn = read_clip(tmp_path / "o.mp4")
    assert len(drawn) == 6 and drawn.fps == pytest.approx(10) and min(drawn.size) >= 360
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "new", "o.mp4"]


def test_several_plots_are_numbered(answers: dict[str, Any], tmp_path: Path) -> None:
    answers["b.mp4"] = BadInput("b.mp4: broken")
    run("predict", "a.mp4", "b.mp4", "c.mp4", "--plot", tmp_path / "p.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p-1.png", "p-3.png"]


def test_an_unwritable_plot_is_one_line(answers: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("predict", "a.mp4", "--json", "--plot", tmp_path / "file" / "p.png")
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1 and "p.png" in done.stderr


def test_anonymize_says_which_donor_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_nb import anonymize_video

    monkeypatch.setattr(
        anonymize_video, "anonymize_video", lambda video, out, donor: 7 if donor is None else donor
    )
    done = run("anonymize", "in.mp4", "out.mp4")
    assert done.exit_code == 0 and done.stdout == "" and "out.mp4: written with donor 7" in done.stderr
    assert "donor 3" in run("anonymize", "in.mp4", "out.mp4", "--donor", "3").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.mp4", "out.mp4"), "missing.mp4: no such file"),
        (("missing.mp4", "out.txt"), "end the name in .mp4"),
        (("missing.mp4", "out.mp4", "--donor", "100000"), "unknown donor 100000: give a number from 0 to"),
    ],
)
def test_anonymize_refuses_bad_input_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    done = run("anonymize", *arguments)
    assert done.exit_code == 2 and done.stdout == ""
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_results_show(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fer_nb import results

    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    assert json.loads(run("results", "show", "--json").stdout) == []
    assert "no records yet" in run("results", "show").stdout
    results.write(results.record("toy.a", 0.91, low=0.9, high=0.92, n=7, direction="up", target=0.85))
    results.write(results.record("toy.b", 0.5, target=(0.8, 0.9), unit="share"))
    listed = json.loads(run("results", "show", "--json").stdout)
    assert [(r["id"], r["value"], r["met"]) for r in listed] == [("toy.a", 0.91, True), ("toy.b", 0.5, False)]
    text = run("results", "show").stdout
    assert "0.91 [0.9, 0.92]" in text and ">= 0.85" in text and "missed" in text and "0.8 to 0.9" in text
    (tmp_path / "toy.b.json").write_text("{")
    done = run("results", "show")
    assert done.exit_code == 2 and "toy.b.json" in done.stderr and len(done.stderr.splitlines()) == 1


def test_results_make_runs_what_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fer_nb import results
    from fer_nb.experiments import all as experiments

    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    ran: list[str] = []

    def fake(name: str, *ids: str) -> Any:
        def work() -> None:
            ran.append(name)
            for id in ids:
                results.write(results.record(id, 1.0))

        return SimpleNamespace(__name__=f"x.{name}", RECORDS=ids, run=work)

    monkeypatch.setattr(experiments, "modules", lambda: iter([fake("one", "a.x", "a.y"), fake("two", "b.x")]))
    assert run("results", "make", "a").exit_code == 0 and ran == ["one"]
    assert run("results", "make").exit_code == 0 and ran == ["one", "two"], "what is up to date is left"
    assert run("results", "make", "a.y").exit_code == 0 and ran == ["one", "two", "one"], (
        "named is made again"
    )
    (tmp_path / "b.x.json").unlink()
    done = run("results", "make")
    assert ran[-1] == "two" and done.stdout == ""


def test_data_make_mime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fer_nb import mime

    asked: dict[str, Any] = {}

    def block(name: str, **more: Any) -> list[Any]:
        asked.update(more, name=name)
        return [read_clip(Toys(tmp_path).video("a.mp4"))]

    monkeypatch.setattr(mime, "block", block)
    done = run("data", "make", "mime", "--block", "validate", "--people", "3", "--seed", "5")
    assert done.exit_code == 0 and done.stdout == "" and "1 clips, 6 frames" in done.stderr
    assert (asked["name"], asked["people"], asked["seed"]) == ("validate", 3, 5)


# ---- as a process ----


def process(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fer_nb.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **more)


def test_help_is_fast_and_names_every_command() -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = process("--help")
        seconds.append(time.perf_counter() - start)
    assert done.returncode == 0 and min(seconds) < 1.0
    for name in ("predict", "anonymize", "doctor", "results", "data"):
        assert name in done.stdout


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    code = (
        "import sys, fer_nb.cli; print([m for m in ('torch', 'mediapipe', 'cv2', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_version() -> None:
    done = process("--version")
    assert done.returncode == 0 and done.stdout.startswith("fer-nb 0.")


def _bad_files(folder: Path) -> dict[str, Callable[[], Path]]:
    toys = Toys(folder)

    def written(name: str, data: bytes) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    def cut() -> Path:
        path = toys.video("cut.mp4", frames=toys.frames(30))
        return written("cut.mp4", path.read_bytes()[: path.stat().st_size // 2])

    return {
        "empty.mp4": lambda: written("empty.mp4", b""),
        "text.mp4": lambda: written("text.mp4", b"no video at all\n" * 99),
        "cut.mp4": cut,
        "sound.mp4": lambda: toys.sound("sound.mp4"),
        "gone.mp4": lambda: folder / "gone.mp4",
        "text.png": lambda: written("text.png", b"no picture"),
        "no_face.mp4": lambda: toys.video("no_face.mp4"),
        "one_frame.mp4": lambda: toys.video("one_frame.mp4", frames=toys.frames(1)),
        "tiny.mkv": lambda: toys.video("tiny.mkv", frames=toys.frames(3, height=8, width=8), codec="ffv1"),
        "tall.mp4": lambda: toys.video("tall.mp4", frames=toys.frames(3, height=256, width=32)),
    }


needs_weights = pytest.mark.skipif(
    not (Path(cli.__file__).parent / "weights" / "temporal.safetensors").is_file(),
    reason="no shipped weights yet: python -m fer_nb.experiments.first_path makes them",
)


@needs_weights
def test_every_bad_file_is_one_line(tmp_path: Path) -> None:
    files = {name: make() for name, make in _bad_files(tmp_path).items()}
    before = sorted(tmp_path.iterdir())
    done = process("predict", *files.values(), "--json")
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and json.loads(done.stdout) == []
    assert len(lines) == len(files), done.stderr
    for name, line in zip(files, lines, strict=True):
        assert line.startswith("error: ") and name in line, line
    assert sorted(tmp_path.iterdir()) == before, "nothing is left behind"
    assert process("predict", files["no_face.mp4"]).returncode == 3


@needs_weights
def test_real_video_end_to_end(shared: Path, tmp_path: Path) -> None:
    video = shared / "data" / "video" / "single_face.mp4"
    done = process("predict", video, "--json", "--plot", tmp_path / "p.png", "--overlay", tmp_path / "o.mp4")
    assert done.returncode == 0 and done.stderr == ""
    answer = json.loads(done.stdout)
    jsonschema.validate(answer, SCHEMA)
    middle = next(p for p in answer["timeline"] if p["start"] <= 1.2 < p["end"])
    assert middle["label"] == "happiness"
    assert answer["timeline"][0]["label"] == answer["timeline"][-1]["label"] == "neutral"
    assert answer["frames"] == 72 and answer["frames_with_face"] == 72
    assert len(read_clip(tmp_path / "o.mp4")) == 72 and (tmp_path / "p.png").stat().st_size > 5000


@pytest.mark.skipif(
    not (Path(cli.__file__).parent / "weights" / "anonymizer.safetensors").is_file(),
    reason="no anonymizer yet: python -m fer_nb.experiments.anonymizer makes it",
)
def test_real_video_anonymized_end_to_end(shared: Path, tmp_path: Path) -> None:
    video, out = shared / "data" / "video" / "single_face.mp4", tmp_path / "out.mp4"
    done = process("anonymize", video, out, "--donor", "3")
    assert done.returncode == 0 and done.stdout == "", done.stderr
    assert len(read_clip(out)) == 72 and read_clip(out).size == read_clip(video).size
    for name, status, words in (
        ("no_face.mp4", 3, "no face"),
        ("head-pose-face-detection-female-and-male.gif", 2, "two faces"),
    ):
        done = process("anonymize", video.with_name(name), tmp_path / "no.mp4")
        assert done.returncode == status and words in done.stderr
        assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "no.mp4").exists()
