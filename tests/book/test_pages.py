"""The built pages are whole: text, goals, measured costs, texts of images, links, nothing of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools import pages

from .conftest import HTML, ROOT

pytestmark = pytest.mark.book
BUILT = pages.of_book(HTML) if HTML.is_dir() else []
each_page = pytest.mark.parametrize("page", BUILT, ids=lambda page: page.stem)


def contents() -> list[str]:
    """The pages that the table of contents names."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


def test_every_page_of_the_contents_is_built(html: Path) -> None:
    assert [name for name in contents() if not (html / f"{name}.html").is_file()] == []


def test_every_notebook_is_in_the_contents() -> None:
    names = {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert names <= set(contents())


@each_page
@pytest.mark.parametrize("check", [pages.empty, pages.tracebacks, pages.without_alt, pages.widgets_left])
def test_page(html: Path, page: Path, check: object) -> None:
    assert check(page) == []  # type: ignore[operator]


@each_page
def test_page_holds_no_path_of_this_machine(page: Path) -> None:
    assert pages.machine_paths(page, ROOT) == []


@each_page
def test_local_links_and_anchors_exist(html: Path, page: Path) -> None:
    assert pages.broken_links(page, html) == []


@pytest.mark.parametrize(
    "page", [p for p in BUILT if p.parent.name == "notebooks"], ids=lambda page: page.stem
)
def test_chapter_has_goals_and_a_measured_cost(page: Path) -> None:
    assert pages.chapter_parts(page) == []


def test_the_front_page_leads_to_the_book(html: Path) -> None:
    text = (html / "index.html").read_text(encoding="utf-8")
    assert "book/index.html" in text


def test_pages_fetch_nothing_from_elsewhere(html: Path, record_property: object) -> None:
    found = [address for page in BUILT for address in pages.foreign(page)]
    record_property("foreign_requests", len(found))  # type: ignore[operator]
    print(f"{len(found)} foreign requests on {len(BUILT)} pages")
    assert found == []


def test_pages_are_not_heavy(html: Path) -> None:
    heavy = [(page.stem, page.stat().st_size) for page in BUILT if page.stat().st_size > 8_000_000]
    assert heavy == []


# ---------------------------------------------------------------- the checks themselves

GOOD = "<article><p>" + "word " * 60 + '</p><img src="a.png" alt="A face that smiles."></article>'


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (pages.empty, "<article><p>word</p></article>"),
        (pages.tracebacks, "<article>Traceback (most recent call last) ...</article>"),
        (pages.without_alt, '<article><img src="a.png"></article>'),
        (pages.without_alt, '<article><img src="a.png" alt="../_images/a.png"></article>'),
        (pages.widgets_left, "<article>application/vnd.jupyter.widget-state+json</article>"),
        (pages.chapter_parts, "<article><p>What you will learn</p></article>"),
    ],
)
def test_checks_see_what_they_look_for(tmp_path: Path, check: object, bad: str) -> None:
    wrong, right = tmp_path / "wrong.html", tmp_path / "right.html"
    wrong.write_text(bad)
    cost = "This page took 3 s and 0.2 GB of memory to run on 2 CPU cores."
    cost = f"<article>What you will learn. {cost}</article>"
    right.write_text(cost if check is pages.chapter_parts else GOOD)
    assert check(wrong)  # type: ignore[operator]
    assert check(right) == []  # type: ignore[operator]


def test_the_link_check_sees_missing_files_and_anchors(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<p id="here">x</p>')
    page = tmp_path / "a.html"
    links = ("b.html#here", "b.html#there", "c.html", "https://a.org/x", "#top")
    page.write_text("".join(f'<a href="{link}">x</a>' for link in links))
    assert pages.broken_links(page, tmp_path) == [
        "a.html: no anchor for b.html#there",
        "a.html: no file for c.html",
        "a.html: no anchor for #top",
    ]


def test_the_path_check_sees_paths(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text(f"<p>{tmp_path}/data/x.npz</p>")
    assert pages.machine_paths(page, tmp_path)
