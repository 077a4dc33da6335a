"""Run the notebooks that are stale, once, as tests; the book is built from that run.

    python -m tools.execute             run what is stale, quietly
    python -m tools.execute --pytest    the same, with pytest's report
    python -m tools.execute --fresh     run all of them, one after the other

A notebook is stale when its code cells changed, or anything that can change its outputs: the package with
its weights, the records, the lock. Copies are run under `_build/executed`, and their outputs are put
into the cache from which MyST-NB reads, so that building the book runs nothing a second time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

ROOT = Path(__file__).resolve().parents[1]
SECONDS_PER_CELL = 300


def notebooks(root: Path = ROOT) -> list[Path]:
    return sorted((root / "notebooks").glob("*.ipynb"))


def folder(root: Path = ROOT) -> Path:
    return root / "_build" / "executed"


def costs(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Return name of the notebook to `{key, seconds, peak_bytes, cores}` of the run in the cache."""
    path = folder(root) / "costs.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


# ---------------------------------------------------------------- what is stale


def surroundings(root: Path = ROOT) -> str:
    """Return a hash of all that a notebook's outputs depend on, besides its own code.

    Records under `book.` are left out: they are measured on the notebooks themselves. So is what Python and
    Numba keep in `__pycache__`: the first run on a new machine writes it.
    """
    package = [p for p in (root / "fer_nb").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    records = [p for p in (root / "results").rglob("*") if p.is_file() and not p.name.startswith("book.")]
    digest = hashlib.sha256()
    for path in sorted([*package, *records, root / "requirements.lock"]):
        if path.is_file():
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def key(path: Path, around: str) -> str:
    """Return the cache key of a notebook: its code cells with their tags, and its surroundings."""
    cells = [
        (cell.source, cell.metadata.get("tags", []))
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    ]
    return hashlib.sha256((json.dumps(cells) + around).encode()).hexdigest()


def keys(root: Path = ROOT) -> dict[str, str]:
    around = surroundings(root)
    return {path.stem: key(path, around) for path in notebooks(root)}


def stale(root: Path = ROOT) -> list[Path]:
    now, known = keys(root), costs(root)
    return [path for path in notebooks(root) if known.get(path.stem, {}).get("key") != now[path.stem]]


# ---------------------------------------------------------------- running


def environment(root: Path = ROOT) -> dict[str, str]:
    """Return the environment of the kernels: this Python, this project, no one's own settings."""
    kernel = folder(root) / "ipython"
    startup = kernel / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("kernel_cost.py"), startup / "00_cost.py")
    env = {k: v for k, v in os.environ.items() if k not in ("JUPYTER_PATH", "PYTHONHOME")}
    env |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": str(root),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(kernel),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    return env


def run(paths: list[Path], *, root: Path = ROOT, jobs: int = 1, show: bool = False) -> bool:
    """Run copies of the notebooks through pytest and nbmake; return whether all passed."""
    copies = folder(root) / "notebooks"
    copies.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copy(path, copies / path.name)
        (copies / path.name).with_suffix(".cost.json").unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-p", "tools.nbplugin",
        "--nbmake-kernel=python3", f"--nbmake-timeout={SECONDS_PER_CELL}", "-o", "timeout=0",
        "-p", "no:cacheprovider", "--color=no", "--durations=0" if show else "-q",
        *(["-n", str(min(jobs, len(paths)))] if min(jobs, len(paths)) > 1 else []),
        *(str(copies / path.name) for path in paths),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=root, env=environment(root), text=True, check=False,
        stdout=None if show else subprocess.PIPE, stderr=None if show else subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode and not show:
        print(done.stdout)
    return done.returncode == 0


def store(path: Path, now: str, *, root: Path = ROOT) -> None:
    """Put the outputs of a finished copy into MyST-NB's cache, and note its key and cost."""
    copy = folder(root) / "notebooks" / path.name
    original, executed = nbformat.read(path, as_version=4), nbformat.read(copy, as_version=4)
    pairs = zip(original.cells, executed.cells, strict=True)
    for cell, ran in pairs:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    cost = json.loads(copy.with_suffix(".cost.json").read_text())
    forget(path, root=root)
    bundle = CacheBundleIn(original, str(path), data={"execution_seconds": cost["seconds"]})
    cache(root).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    note(path.stem, {"key": now, **cost, "cores": len(_cores())}, root=root)


def forget(path: Path, *, root: Path = ROOT) -> None:
    """Remove what the cache and the costs hold of a notebook."""
    notes, kept = cache(root), nbformat.read(path, as_version=4)
    old = {record.pk for record in notes.list_cache_records() if record.uri == str(path)}
    with contextlib.suppress(KeyError):
        old.add(notes.match_cache_notebook(kept).pk)
    for pk in old:
        notes.remove_cache(pk)
    note(path.stem, None, root=root)


def note(name: str, cost: dict[str, Any] | None, *, root: Path = ROOT) -> None:
    known = costs(root)
    known.pop(name, None)
    if cost is not None:
        known[name] = cost
    path = folder(root) / "costs.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


def cache(root: Path = ROOT) -> Any:
    path = root / "_build" / ".jupyter_cache"
    path.mkdir(parents=True, exist_ok=True)
    return get_cache(str(path))


def cached(path: Path, *, root: Path = ROOT) -> bool:
    try:
        cache(root).match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        return False
    return True


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


# ---------------------------------------------------------------- the whole


def ensure(*, root: Path = ROOT, jobs: int = 1, show: bool = False, fresh: bool = False) -> list[str]:
    """Run what is stale and store it; return the names of notebooks that failed."""
    now, known = keys(root), notebooks(root)
    todo = known if fresh else stale(root)
    for path in known:  # a cache that was emptied is filled again from the copies
        if path not in todo and not cached(path, root=root):
            if (folder(root) / "notebooks" / path.with_suffix(".cost.json").name).is_file():
                store(path, now[path.stem], root=root)
            else:
                todo.append(path)
    if not todo:
        return []
    for path in todo:
        forget(path, root=root)
    run(todo, root=root, jobs=jobs, show=show)
    failed = []
    for path in todo:
        if (folder(root) / "notebooks" / path.with_suffix(".cost.json").name).is_file():
            store(path, now[path.stem], root=root)
        else:
            failed.append(path.stem)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pytest", action="store_true", help="show pytest's report")
    parser.add_argument("--fresh", action="store_true", help="run every notebook, one after the other")
    parser.add_argument(
        "--jobs", type=int, default=1, help="notebooks at a time (default 1: more fight for the cores)"
    )
    given = parser.parse_args()
    names = [path.stem for path in (notebooks() if given.fresh else stale())]
    print(f"notebooks to run: {', '.join(names) or 'none, all are up to date'}", flush=True)
    failed = ensure(jobs=1 if given.fresh else given.jobs, show=given.pytest, fresh=given.fresh)
    for name, cost in costs().items():
        memory = (cost["peak_bytes"] or 0) / 1e9
        print(f"{name}: {cost['seconds']:.0f} s, {memory:.1f} GB at most, {cost['cores']} cores")
    if failed:
        print(
            f"error: failed: {', '.join(failed)}; the copies under _build/executed show where",
            file=sys.stderr,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
