"""Build the book: run what is stale, build the pages with warnings as errors, look over the result.

    python -m tools.build           into _build/html
    python -m tools.build --all     read and write every page again

The pages come from the outputs that `tools.execute` stored; that nothing was run a second time is checked.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from . import execute, pages

ROOT = execute.ROOT
MAIN = "from jupyter_book.cli.main import main; main()"
COLOR = re.compile(r"\x1b\[[0-9;]*m")


def jupyter_book(*, everything: bool = False, root: Path = ROOT) -> int:
    """Build the pages; print what matters of the report, all of it when the build fails."""
    command = [sys.executable, "-c", MAIN, "build", ".", "-W", "--keep-going"]
    env = {**os.environ, "PYTHONPATH": str(root), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    done = subprocess.run(
        [*command, *(["--all"] if everything else [])],
        cwd=root, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    report = COLOR.sub("", done.stdout)
    if done.returncode or "build succeeded" not in report:
        print(report)
        return done.returncode or 1
    if "Executing notebook" in report:
        print("error: a notebook ran while the book was built; it should have come from the cache")
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="read and write every page again")
    given = parser.parse_args()
    start = time.perf_counter()
    if todo := execute.stale():
        print(f"notebooks to run: {', '.join(path.stem for path in todo)}", flush=True)
    if failed := execute.ensure():
        print(f"error: notebooks failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    if code := jupyter_book(everything=given.all):
        return code
    html = ROOT / "_build" / "html"
    if wrong := pages.problems(html, root=ROOT):
        print("\n".join(f"error: {line}" for line in wrong), file=sys.stderr)
        return 1
    count = len(pages.of_book(html))
    print(f"{count} pages in {html.relative_to(ROOT)}, {time.perf_counter() - start:.0f} s; open index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
