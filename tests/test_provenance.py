"""What is noted beside a number says enough to find the code, and nothing about the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fer_nb import provenance


def test_code_hash_follows_code_and_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fer_nb"
    package.mkdir()
    monkeypatch.setattr(provenance, "__file__", str(package / "provenance.py"))

    def hashed(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return provenance.code_hash.__wrapped__()

    first = hashed("fer_nb/a.py", b"x = 1\n")
    assert len(first) == 16 and int(first, 16) >= 0
    assert hashed("fer_nb/a.py", b"x = 1\r\n") == first  # a checkout on another system
    assert hashed("fer_nb/notes.txt", b"x") == first
    assert hashed("fer_nb/a.py", b"x = 2\n") != first
    second = hashed("requirements.lock", b"a==1")
    assert second != hashed("requirements.lock", b"a==2")


def test_command_line_holds_no_machine_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/env/bin/fer-nb", "results", "make", "/data/clips"])
    monkeypatch.delattr(sys.modules["__main__"], "__spec__", raising=False)
    assert provenance.command_line() == "fer-nb results make clips"


def test_versions_name_python_and_what_is_installed() -> None:
    found = provenance.versions()
    assert found["python"].startswith("3.")
    assert found["numpy"].startswith("1.26")


def test_commit_is_short_or_absent() -> None:
    commit = provenance.commit()
    assert commit is None or len(commit) == 12
