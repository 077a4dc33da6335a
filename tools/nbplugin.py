"""A pytest plugin for the run of the notebooks: finds the copies and measures what each one costs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbmake.pytest_items import NotebookFile


def pytest_collect_file(file_path: Path, parent: Any) -> Any:
    """Collect the copies: nbmake passes over everything below `_build`."""
    if file_path.suffix == ".ipynb" and "_build" in file_path.parts:
        return NotebookFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Iterator[None]:
    """Measure seconds, from the start of the kernel, and the peak of memory that the kernel noted."""
    path = Path(item.filename)
    memory, cost = path.with_suffix(".peak"), path.with_suffix(".cost.json")
    for old in (memory, cost):
        old.unlink(missing_ok=True)
    os.environ["FER_NB_COST_FILE"] = str(memory)
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    peak = int(memory.read_text()) if memory.is_file() else None
    memory.unlink(missing_ok=True)
    cost.write_text(json.dumps({"seconds": round(seconds, 1), "peak_bytes": peak}))
