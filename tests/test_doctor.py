"""The doctor: says what is there and what is missing, and never falls ill itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fer_nb import cli, doctor
from fer_nb.doctor import Examination, Group, Package, Weights

WELL = Examination(
    python="3.11.7",
    python_ok=True,
    platform="Linux x86_64",
    packages=(Package("torch", "2.15.0", "==2.15.0", True),),
    groups=(Group("book", ("myst-nb",), "make env"),),
    weights=(Weights("temporal", "mime-v2", True, None), Weights("spatial", "mime-v2", True, None)),
    data_version="mime-v2",
    cache={
        "folder": "c", "writable": True, "files": 2, "bytes": 3_000_000,
        "blocks": {"mime-v2/fit": {"files": 2, "bytes": 3_000_000}},
    },
    face_finder=None,
    devices=("cpu",),
)  # fmt: skip


def run(found: Examination, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(doctor, "examine", lambda: found)
    return CliRunner().invoke(cli.app, ["doctor", *arguments])


def test_well(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(WELL, monkeypatch)
    assert done.exit_code == 0 and done.stdout.endswith("predict can run\n")
    assert "mime-v2/fit: 2 files, 3.0 MB" in done.stdout
    assert "missing myst-nb : make env" in done.stdout, "what is missing comes with its command"
    answer = json.loads(run(WELL, monkeypatch, "--json").stdout)
    assert answer["can_predict"] is True and answer["weights"][0]["data_version"] == "mime-v2"


@pytest.mark.parametrize(
    "change",
    [
        {"python_ok": False},
        {"packages": (Package("torch", None, "==2.15.0", False),)},
        {"weights": WELL.weights[:1]},
        {"weights": (WELL.weights[0], Weights("spatial", None, False, "spatial.json: no such weights"))},
        {"face_finder": "no face found"},
        {"fusion": "fusion.json: missing or damaged"},
    ],
)
def test_what_keeps_predict_from_running_is_2(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ill = replace(WELL, **change)
    done = run(ill, monkeypatch)
    assert done.exit_code == 2 and "predict cannot run" in done.stdout
    assert json.loads(run(ill, monkeypatch, "--json").stdout)["can_predict"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"packages": (Package("torch", "2.14.0", "==2.15.0", False),)},
        {"weights": (*WELL.weights[:1], Weights("spatial", "mime-v0", True, "made with data mime-v0"))},
        {"cache": {**WELL.cache, "writable": False}},
    ],
)
def test_what_only_warns_is_0(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(replace(WELL, **change), monkeypatch)
    assert done.exit_code == 0 and any(line.startswith("x ") for line in done.stdout.splitlines())


def test_this_machine_is_examined(cache_folder: Path) -> None:
    found = doctor.examine()
    names = {package.name: package for package in found.packages}
    assert names["mediapipe"].installed == "0.10.21" and names["torch"].ok
    assert found.python_ok and found.face_finder is None and "cpu" in found.devices
    assert {group.name for group in found.groups} == {"lab", "book", "dev"}
    assert found.cache["writable"] and found.cache["files"] == 0
    assert not cache_folder.exists(), "the doctor leaves nothing behind"
    json.dumps(found.to_dict())


def test_a_missing_library_is_said() -> None:
    missing = doctor._package("no-such-library", ">=1")
    assert missing == Package("no-such-library", None, ">=1", False)
    assert doctor._package("numpy", "<1") == Package(
        "numpy", doctor._package("numpy", "").installed, "<1", False
    )


def test_requirements_come_from_the_package_when_there_is_no_clone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = ["numpy<2,>=1.26", 'scikit-learn>=1.7; extra == "lab"', 'fer_nb[lab]; extra == "book"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: lines)
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "fer_nb" / "doctor.py"))
    core, groups = doctor.requirements()
    assert core == {"numpy": "<2,>=1.26"} and groups == {"lab": {"scikit-learn": ">=1.7"}}
    assert doctor._group("lab", {"no-such-library": ""}).command == 'pip install "fer_nb[lab]"'


def test_weights_that_cannot_be_used_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_nb import checkpoints

    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path)
    told = doctor._weights("temporal")
    assert not told.usable and told.problem and "temporal" in told.problem and "\n" not in told.problem


def test_missing_constants_of_the_fusion_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fer_nb import checkpoints, fusion_settings

    assert doctor._fusion() is None
    monkeypatch.setattr(checkpoints, "WEIGHTS", tmp_path)
    fusion_settings.shipped_settings.cache_clear()
    told = doctor._fusion()
    fusion_settings.shipped_settings.cache_clear()
    assert told and "fusion.json" in told and "\n" not in told


def test_cache_is_counted_by_block_and_an_unwritable_one_is_seen(tmp_path: Path) -> None:
    for name in ("mime-v2/fit/seed0/a.npz", "mime-v2/fit/seed0/b.npz", "faces/x.npz"):
        (tmp_path / "c" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "c" / name).write_bytes(b"12345")
    found = doctor.look_at_cache(tmp_path / "c")
    assert found["blocks"] == {"faces": {"files": 1, "bytes": 5}, "mime-v2/fit": {"files": 2, "bytes": 10}}
    assert found["files"] == 3 and found["writable"]
    (tmp_path / "file").touch()
    assert not doctor.look_at_cache(tmp_path / "file")["writable"]
    assert not doctor.look_at_cache(tmp_path / "file" / "cache")["writable"]
