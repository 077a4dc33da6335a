"""Look over the built pages: each check returns what is wrong, one line each, nothing when all is well."""

from __future__ import annotations

import functools
import re
import urllib.parse
from pathlib import Path

from bs4 import BeautifulSoup, Tag

SHORTEST = 200  # characters of text on a page
LOCAL = ("data:", "mailto:", "javascript:", "blob:")
NOT_PAGES = {"genindex", "search", "index"}
TRACEBACK = re.compile(r"Traceback \(most recent call last\)")


@functools.lru_cache(maxsize=256)
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def of_book(html: Path) -> list[Path]:
    """Return the pages that have a text of ours, without the redirect, the index and the search."""
    found = [path for part in ("book", "notebooks") for path in (html / part).rglob("*.html")]
    return sorted(found)


def article(page: Path) -> Tag:
    """Return the part of a page that holds its text."""
    found = soup(page).find("article") or soup(page).find("main") or soup(page)
    assert isinstance(found, Tag)
    return found


# ---------------------------------------------------------------- checks of one page


def empty(page: Path) -> list[str]:
    """A page without text."""
    count = len(" ".join(article(page).get_text(" ").split()))
    return [f"{page.stem}: only {count} characters of text"] if count < SHORTEST else []


def tracebacks(page: Path) -> list[str]:
    """A page that shows a failure."""
    return [f"{page.stem}: shows a traceback"] if TRACEBACK.search(article(page).get_text(" ")) else []


def without_alt(page: Path) -> list[str]:
    """Images without a text, or whose text is a file name."""
    wrong = []
    for image in article(page).find_all("img"):
        alt = str(image.get("alt") or "").strip()
        if len(alt) < 8 or re.search(r"\.(png|jpe?g|svg|webp|gif)$", alt) or "/" in alt.split(" ")[0]:
            wrong.append(f"{page.stem}: image {str(image.get('src'))[:40]!r} has no alt text")
    return wrong


def widgets_left(page: Path) -> list[str]:
    """Traces of a widget library, which a static page cannot use."""
    text = page.read_text(encoding="utf-8")
    names = ("jupyter-widgets", "widget-state+json", "require.js", "thebe")
    return [f"{page.stem}: holds {name!r}" for name in names if name in text]


def chapter_parts(page: Path) -> list[str]:
    """A chapter without its goals or its measured cost."""
    text = article(page).get_text(" ")
    wrong = []
    if "What you will learn" not in text:
        wrong.append(f"{page.stem}: no box 'What you will learn'")
    if not re.search(r"took \d+ s and \d+\.\d GB of memory to run", " ".join(text.split())):
        wrong.append(f"{page.stem}: no measured cost box")
    return wrong


def machine_paths(page: Path, root: Path) -> list[str]:
    """Paths of the machine that built the page."""
    text = page.read_text(encoding="utf-8")
    return [
        f"{page.stem}: holds the path {name}"
        for name in {str(root), str(Path.home())} - {"/"}
        if name + "/" in text
    ]


# ---------------------------------------------------------------- links


@functools.lru_cache(maxsize=256)
def _anchors(page: Path) -> frozenset[str]:
    ids = {str(tag["id"]) for tag in soup(page).find_all(id=True)}
    names = {str(tag["name"]) for tag in soup(page).find_all("a", attrs={"name": True})}
    return frozenset(ids | names)


def broken_links(page: Path, html: Path) -> list[str]:
    """Links to files or anchors of the book that do not exist."""
    wrong = []
    for tag in soup(page).find_all(["a", "link", "script", "img", "iframe", "source", "video"]):
        address = str(tag.get("href") or tag.get("src") or "")
        parts = urllib.parse.urlparse(address)
        if not address or address.startswith(LOCAL) or parts.scheme or address.startswith("//"):
            continue
        target = (page.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else page
        target = target / "index.html" if target.is_dir() else target
        anchor = urllib.parse.unquote(parts.fragment)
        if not target.is_file():
            wrong.append(f"{page.relative_to(html)}: no file for {address}")
        elif anchor and target.suffix == ".html" and anchor not in _anchors(target):
            wrong.append(f"{page.relative_to(html)}: no anchor for {address}")
    return wrong


def foreign(page: Path) -> list[str]:
    """Files that a page would fetch from other hosts."""
    wanted = soup(page).find_all(["link", "script", "img", "iframe", "source", "video"])
    addresses = (str(tag.get("href") or tag.get("src") or "") for tag in wanted)
    return [
        a for a in addresses if a.startswith("//") or urllib.parse.urlparse(a).scheme in ("http", "https")
    ]


def problems(html: Path, *, root: Path) -> list[str]:
    """Return everything that is wrong with the built book."""
    wrong = []
    for page in of_book(html):
        for check in (empty, tracebacks, without_alt, widgets_left):
            wrong += check(page)
        wrong += machine_paths(page, root) + broken_links(page, html)
        if page.parent.name == "notebooks":
            wrong += chapter_parts(page)
    return wrong
