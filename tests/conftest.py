"""What all tests share: fixed seeds, the folder of real faces, a cache folder of one's own."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Several workers at once: one thread each, or they wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background of a script: what the tests start would be deaf to Ctrl-C, and they send one.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same seeds. Libraries that a test does not import are not imported here."""
    random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real faces and videos, `FER_NB_SHARED` or `../shared`; without it, a skip."""
    folder = Path(os.environ.get("FER_NB_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(
            "no real test data: set FER_NB_SHARED to the folder that holds data/video and data/london320"
        )
    return folder


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for this test alone (`FER_NB_CACHE` points to it, for subprocesses as well)."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FER_NB_CACHE", str(folder))
    return folder
