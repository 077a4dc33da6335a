"""Read the book's own text: pages and the markdown cells of notebooks, before they are built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROLE = re.compile(r"\{(record|claim|given)\}`([^`]+)`")
FENCE = re.compile(r"^(`{3,}|~{3,})(?:\{([\w:-]+)\})?")
BOXES = {"admonition", "note", "tip", "hint", "warning", "important", "seealso", "exercise", "solution"}
BOXES |= {
    "dropdown",
    "card",
    "grid",
    "grid-item",
    "grid-item-card",
    "tab-set",
    "tab-item",
    "margin",
    "sidebar",
}
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s?%|(?<![\w.])\d+\.\d+(?![\w]|\.\d)")
# What may stand in the text although it holds a number: code, math, addresses, versions, licenses.
SPANS = (
    re.compile(r"\{\w+(?::\w+)?\}`[^`]*`"),
    re.compile(r"`[^`]*`"),
    re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL),
    re.compile(r"\]\([^)]*\)|<https?://[^>]*>|https?://\S+"),
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(
        r"CC (?:BY|0)[\w -]* \d\.\d|(?:Python|version) \d+(?:\.\d+)+(?:(?:,| or| and) \d+(?:\.\d+)+)*"
    ),
)


@dataclass(frozen=True)
class Text:
    """A piece of the book: where it stands and its markdown."""

    where: str
    markdown: str


def texts(root: Path) -> Iterator[Text]:
    """Yield pages, and markdown cells of notebooks."""
    for path in sorted((root / "book").glob("*.md")):
        yield Text(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "markdown":
                yield Text(f"{path.relative_to(root).as_posix()} cell {number}", cell.source)


def roles(text: Text) -> list[tuple[str, str]]:
    """Return kind and content of the roles about numbers, in order."""
    return [(match[1], match[2].strip()) for match in ROLE.finditer(text.markdown)]


def without_code(markdown: str) -> str:
    """Leave out fenced code and the options of directives; the text inside of boxes stays.

    Examples
    --------
    >>> without_code("a" + chr(10) + "```python" + chr(10) + "x = 0.5" + chr(10) + "```" + chr(10) + "b")
    'a\\nb'
    """
    kept: list[str] = []
    boxes: list[str] = []
    code = ""
    for line in markdown.splitlines():
        mark = line.strip()
        fence = FENCE.match(mark)
        if code:
            code = "" if mark == code else code
        elif boxes and mark == boxes[-1]:
            boxes.pop()
        elif fence and fence[2] in BOXES:
            boxes.append(fence[1])
            kept += ["", mark[fence.end() :], ""]  # the title of the box
        elif fence:
            code = fence[1]
        elif not re.match(r":[\w-]+:", mark):
            kept.append(line)
    return "\n".join(kept)


def typed_numbers(text: Text) -> list[str]:
    """Return the decimals and percentages that were typed instead of read from a record.

    A paragraph that cites a source may print that source's numbers.

    Examples
    --------
    >>> typed_numbers(Text("x", "It reads 93 % of faces, with {given}`0.5` as the threshold."))
    ['93 %']
    """
    found = []
    for paragraph in re.split(r"\n\s*\n", without_code(text.markdown)):
        if "{cite" in paragraph:
            continue
        for span in SPANS:
            paragraph = span.sub(" ", paragraph)
        found += [match[0] for match in NUMBER.finditer(paragraph)]
    return found
