"""What this book asks of Sphinx: notebooks run once and beforehand, measured costs, quiet pages."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools import execute  # noqa: E402

logger = logging.getLogger(__name__)

# The theme warns in the console when a page starts without a mode; and its icons must not touch ours.
START = (
    "(function(){var d=document.documentElement.dataset;"
    "if(!d.mode){try{d.mode=localStorage.getItem('mode')||'auto'}catch(e){d.mode='auto'}}"
    "window.FontAwesomeConfig={observeMutations:false};})();"
)

LIVE = re.compile(
    r"<script type=\"text/x-thebe-config\">.*?</script>|<script>kernelName = '[^']*'</script>", re.DOTALL
)


MATHJAX = "sphinx-mathjax-offline"  # a package that is nothing but MathJax's files
OTHER_BUNDLES = ("mml-*", "tex-svg*", "tex-mml-*", "*-full*", "node-main.js", "latest.js", "svg")


# ---------------------------------------------------------------- notebooks


def run_stale(app: Any) -> None:
    """Before anything is read: run the stale notebooks, so that the cache holds all of them."""
    if failed := execute.ensure():
        raise ExtensionError(f"notebooks failed: {', '.join(failed)} (see _build/executed/notebooks)")


def outdated(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Read a notebook's page again when its outputs are new, even where its source is not."""
    now = {f"notebooks/{name}": cost["key"] for name, cost in execute.costs().items()}
    before = getattr(env, "fer_keys", {})
    env.fer_keys = now
    return [name for name, key in now.items() if name in env.found_docs and before.get(name) != key]


class Cost(SphinxDirective):
    """The measured cost of running this page."""

    def run(self) -> list[nodes.Node]:
        cost = execute.costs().get(Path(self.env.docname).name)
        if not cost or not cost.get("peak_bytes"):
            logger.warning("no measured cost: run `python -m tools.execute`", location=self.get_location())
            return []
        text = cost_text(cost)
        box = nodes.container(classes=["fer-cost"])
        box += nodes.paragraph(text=text)
        return [box]


def cost_text(cost: dict[str, Any]) -> str:
    """Say a cost in a sentence: seconds, memory, cores."""
    seconds, memory, cores = cost["seconds"], cost["peak_bytes"] / 1e9, cost["cores"]
    on = "1 CPU core" if cores == 1 else f"{cores} CPU cores"
    return f"This page took {seconds:.0f} s and {memory:.1f} GB of memory to run on {on}."


# ---------------------------------------------------------------- pages


def quiet(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out scripts that only a live server could use, and that ask other hosts for files."""

    def text(item: Any) -> str:
        body = (getattr(item, "attributes", None) or {}).get("body") or ""
        return f"{getattr(item, 'filename', '') or ''} {body}".lower()

    for kind in ("script_files", "css_files"):
        context[kind] = [item for item in context.get(kind, []) if "thebe" not in text(item)]
    if doctree is not None and not any(doctree.findall(_is_math)):
        context["script_files"] = [item for item in context["script_files"] if "mathjax" not in text(item)]
    if "body" in context:
        context["body"] = LIVE.sub("", context["body"])


def formulas(app: Any, failed: Exception | None) -> None:
    """Put MathJax beside the pages, so that formulas are set without a network."""
    if failed or app.builder.format != "html":
        return
    spec = importlib.util.find_spec(MATHJAX)
    if spec is None or spec.origin is None:
        raise ExtensionError(f"{MATHJAX} is not installed: run `make env`")
    source = Path(spec.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*OTHER_BUNDLES), dirs_exist_ok=True)


def _is_math(node: nodes.Node) -> bool:
    return isinstance(node, nodes.math | nodes.math_block)


def setup(app: Any) -> dict[str, Any]:
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.add_directive("cost", Cost)
    app.add_css_file("fer.css", priority=900)
    app.add_js_file(None, body=START, priority=10)
    app.connect("builder-inited", run_stale, priority=100)
    app.connect("env-get-outdated", outdated)
    app.connect("html-page-context", quiet, priority=900)
    app.connect("build-finished", formulas)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
