"""The pages in a browser: no errors in either theme, sliders that move, nothing wider than a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_nb import widgets
from tools import pages

from .conftest import HTML

pytestmark = pytest.mark.browser
BUILT = pages.of_book(HTML) if HTML.is_dir() else []
each_page = pytest.mark.parametrize("page", BUILT, ids=lambda page: page.stem)
SIZE = {"width": 1280, "height": 900}


class Tab:
    """A page of the browser, with what it complained about and asked other hosts for."""

    def __init__(self, context: Any, site: str) -> None:
        self.errors: list[str] = []
        self.foreign: list[str] = []
        context.route("**/*", lambda route: self._answer(route, site))
        self.page = context.new_page()
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _answer(self, route: Any, site: str) -> None:
        url = route.request.url
        if url.startswith((site, "data:", "blob:", "about:")):
            route.continue_()
        else:  # nothing outside is reached; an empty answer stands in
            self.foreign.append(url)
            route.fulfill(status=200, content_type="text/javascript", body="")

    def open(self, address: str) -> Any:
        self.page.goto(address, wait_until="load")
        self.page.wait_for_timeout(300)
        return self.page


@pytest.fixture
def tab(chromium: Any, site: str, request: pytest.FixtureRequest) -> Any:
    context = chromium.new_context(**{"viewport": SIZE, **getattr(request, "param", {})})
    yield Tab(context, site)
    context.close()


def address(site: str, html: Path, page: Path) -> str:
    return f"{site}/{page.relative_to(html).as_posix()}"


@each_page
@pytest.mark.parametrize(
    "tab", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True, ids=["light", "dark"]
)
def test_page_loads_without_errors(tab: Tab, site: str, html: Path, page: Path) -> None:
    opened = tab.open(address(site, html, page))
    assert tab.errors == []
    assert tab.foreign == []
    broken = opened.evaluate(
        "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt)"
    )
    assert broken == []


@each_page
@pytest.mark.parametrize("tab", [{"viewport": {"width": 390, "height": 800}}], indirect=True, ids=["phone"])
def test_page_fits_a_phone(tab: Tab, site: str, html: Path, page: Path) -> None:
    opened = tab.open(address(site, html, page))
    assert opened.evaluate("document.scrollingElement.scrollWidth") <= 391


@pytest.mark.parametrize(
    "page", [p for p in BUILT if 'class="math ' in p.read_text("utf-8")], ids=lambda page: page.stem
)
def test_formulas_are_set_without_a_network(tab: Tab, site: str, html: Path, page: Path) -> None:
    opened = tab.open(address(site, html, page))
    opened.wait_for_function(
        "[...document.querySelectorAll('.math')].every(m => m.querySelector('mjx-container'))", timeout=30_000
    )
    assert opened.query_selector("mjx-merror") is None
    loaded = "[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)"
    fonts = opened.evaluate(f"document.fonts.ready.then(() => {loaded})")
    assert any("MJXTEX" in family for family in fonts)
    assert tab.foreign == [] and tab.errors == []


@pytest.mark.parametrize(
    "page",
    [p for p in BUILT if 'class="fer-figure fer-explore"' in p.read_text("utf-8")],
    ids=lambda page: page.stem,
)
def test_every_slider_moves_its_picture_by_keyboard(tab: Tab, site: str, html: Path, page: Path) -> None:
    opened = tab.open(address(site, html, page))
    for figure in opened.query_selector_all(".fer-explore"):
        view, says = figure.query_selector(".fer-view"), figure.query_selector("[aria-live]")
        for slider in figure.query_selector_all("input"):
            before, cell, text = view.screenshot(), figure.get_attribute("data-cell"), says.inner_text()
            slider.focus()
            at_end = slider.get_attribute("max") == slider.input_value()
            for _ in range(int(slider.get_attribute("max"))):
                opened.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
            assert figure.get_attribute("data-cell") != cell
            assert says.inner_text() != text
            assert view.screenshot() != before
    assert tab.errors == []


# ---------------------------------------------------------------- the twin against the function


def draw(tilt: float, level: float) -> np.ndarray:
    y, x = np.mgrid[0:1:90j, 0:1:120j]
    return np.clip(0.15 + 0.5 * level + 0.3 * tilt * (x - 0.5) + 0.2 * y, 0, 1)


FIGURE = {"tilt": (-1, 0, 1), "level": widgets.Control((0, 0.5, 1), "Level", start=1)}


def shown(view: Any) -> np.ndarray:
    """The picture as the browser painted it, (90, 120) grey."""
    image = cv2.imdecode(np.frombuffer(view.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(image, (120, 90), interpolation=cv2.INTER_AREA).astype(float)


def test_the_twin_paints_what_the_function_draws(tab: Tab) -> None:
    figure = widgets.explore(draw, controls=FIGURE, alt="A ramp.", width=240)
    tab.page.set_content(f"<!doctype html><body>{widgets.static(figure)}</body>")
    view = tab.page.query_selector(".fer-view")
    tilt, level = tab.page.query_selector_all("input")
    for i in range(3):
        tilt.fill(str(i))
        for k in range(3):
            level.fill(str(k))
            assert tab.page.query_selector("figure").get_attribute("data-cell") == str(3 * i + k)
            expected = draw((-1, 0, 1)[i], (0, 0.5, 1)[k]) * 255
            assert np.abs(shown(view) - expected).mean() < 4
    assert "Level 1" in tab.page.query_selector("img").get_attribute("alt")
    assert tab.errors == []


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True, ids=["no-script"])
def test_without_scripts_the_starting_picture_stands(tab: Tab) -> None:
    figure = widgets.explore(draw, controls=FIGURE, alt="A ramp.", width=240)
    tab.page.set_content(f"<!doctype html><body>{widgets.static(figure)}</body>")
    expected = draw(-1, 0.5) * 255
    assert np.abs(shown(tab.page.query_selector(".fer-view")) - expected).mean() < 4
    assert tab.page.query_selector("input").is_disabled()
