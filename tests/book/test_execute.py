"""Notebooks run when they are stale and only then, and what they cost is measured."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from tools import execute

from .conftest import ROOT


def notebook(path: Path, *sources: str, text: str = "# Title") -> None:
    v4 = nbformat.v4
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [v4.new_markdown_cell(text), *map(v4.new_code_cell, sources)]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a package, a record, a lock and two notebooks."""
    for name, text in {
        "fer_nb/__init__.py": "",
        "fer_nb/weights/a.json": "{}",
        "results/toy.a.json": "{}",
        "requirements.lock": "a==1",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    notebook(tmp_path / "notebooks" / "a.ipynb", "print('from a')")
    notebook(tmp_path / "notebooks" / "b.ipynb", "x = bytearray(200_000_000)\nprint('from b')")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("fer_nb/new.py", True),
        ("fer_nb/weights/a.json", True),
        ("results/toy.a.json", True),
        ("requirements.lock", True),
        ("results/book.notebook_seconds_max.json", False),
        ("book/index.md", False),
        ("fer_nb/__pycache__/x.pyc", False),
        ("fer_nb/mime/__pycache__/raster.py310.nbi", False),
    ],
)
def test_the_key_covers_what_moves_outputs(project: Path, name: str, matters: bool) -> None:
    before = execute.keys(project)
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("changed")
    assert (execute.keys(project) != before) is matters


def test_the_key_covers_code_and_not_prose(project: Path) -> None:
    before = execute.keys(project)
    notebook(project / "notebooks" / "a.ipynb", "print('from a')", text="# Another title")
    assert execute.keys(project) == before
    notebook(project / "notebooks" / "a.ipynb", "print('changed')")
    assert execute.keys(project)["a"] != before["a"]
    assert execute.keys(project)["b"] == before["b"]


def link_tools(project: Path) -> None:
    shutil.copytree(ROOT / "tools", project / "tools", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.slow
def test_notebooks_run_once_feed_the_cache_and_are_measured(project: Path) -> None:
    link_tools(project)
    assert execute.ensure(root=project) == []
    costs = execute.costs(project)
    assert set(costs) == {"a", "b"}
    assert all(cost["seconds"] > 0 and cost["cores"] >= 1 for cost in costs.values())
    assert costs["b"]["peak_bytes"] > costs["a"]["peak_bytes"] + 150_000_000
    cache = execute.cache(project)
    for name in "ab":
        path = project / "notebooks" / f"{name}.ipynb"
        _, merged = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
        assert merged.cells[1].outputs[0].text == f"from {name}\n"
        assert nbformat.read(path, as_version=4).cells[1].outputs == []  # the source stays without outputs
    assert execute.stale(project) == []

    # a cache that was lost is filled again without a run
    shutil.rmtree(project / "_build" / ".jupyter_cache")
    assert execute.ensure(root=project) == []
    assert execute.costs(project) == costs
    assert execute.cached(project / "notebooks" / "a.ipynb", root=project)

    # a notebook that fails is named, is out of the cache, and stays stale
    notebook(project / "notebooks" / "a.ipynb", "raise RuntimeError('broken on purpose')")
    assert execute.ensure(root=project) == ["a"]
    assert [path.stem for path in execute.stale(project)] == ["a"]
    assert not execute.cached(project / "notebooks" / "a.ipynb", root=project)


def test_the_kernel_is_of_this_environment(project: Path) -> None:
    env = execute.environment(project)
    assert env["PYTHONPATH"] == str(project)
    assert Path(env["IPYTHONDIR"], "profile_default", "startup", "00_cost.py").is_file()
    assert re.match(r"module://matplotlib_inline", env["MPLBACKEND"])
