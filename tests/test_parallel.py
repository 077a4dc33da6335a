"""Work over processes: the order stays, errors come through in one line, bars stay off standard output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fer_nb._parallel import bar, cores, spread
from fer_nb.errors import BadInput, FerError
from fer_nb.labels import index


def test_order_stays() -> None:
    items = list(range(-20, 20))
    assert spread(abs, items, workers=1) == [abs(i) for i in items]
    assert spread(abs, items, workers=2) == [abs(i) for i in items]
    assert spread(abs, []) == []


def test_errors_of_the_work_are_raised_as_they_are() -> None:
    for workers in (1, 2):
        with pytest.raises(BadInput, match="unknown label 'joy'"):
            spread(index, ["fear", "joy"], workers=workers)


def test_a_dying_worker_is_one_line() -> None:
    with pytest.raises(FerError, match="worker process died") as caught:
        spread(os._exit, [1, 1], workers=2)
    assert "\n" not in str(caught.value)


def test_bar_keeps_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("working", 3) as step:
        for _ in range(3):
            step()
    assert capsys.readouterr() == ("", "")
    assert cores() >= 1


SCRIPT = """
import sys, time
from pathlib import Path
from fer_nb._parallel import spread
from fer_nb.cache import replacing

def work(folder):
    with replacing(Path(folder) / "half.bin") as path:
        path.write_bytes(b"half")
        for _ in range(600):
            time.sleep(0.1)

if __name__ == "__main__":
    (Path(sys.argv[1]).parent / "ready").touch()
    try:
        spread(work, [sys.argv[1]] * 50, workers=2)
    except KeyboardInterrupt:
        print("stopped")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
@pytest.mark.parametrize("whole_group", [True, False])
@pytest.mark.parametrize("early", [True, False])
def test_interrupt_stops_the_workers_at_once_in_silence(
    tmp_path: Path, whole_group: bool, early: bool
) -> None:
    script, folder = tmp_path / "work.py", tmp_path / "out"
    script.write_text(SCRIPT)
    folder.mkdir()
    work = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    there = (lambda: (tmp_path / "ready").exists()) if early else (lambda: len(list(folder.iterdir())) == 2)
    while not there() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3 if early else 0.1)
    (os.killpg if whole_group else os.kill)(work.pid, signal.SIGINT)
    start = time.monotonic()
    out, err = work.communicate(timeout=60)
    assert err == "" and out in ("stopped\n", "") if early else (out, err) == ("stopped\n", "")
    assert time.monotonic() - start < 10
    assert list(folder.iterdir()) == [], "nothing half-written stays"
