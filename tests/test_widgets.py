"""The static twin shows what the draw function draws, works by keyboard, and needs no library."""

from __future__ import annotations

import base64
import itertools
import json
import re
import sys

import cv2
import numpy as np
import pytest
from bs4 import BeautifulSoup

from fer_nb import widgets
from fer_nb.errors import BadInput
from fer_nb.widgets import sheet as sheet_module


def draw(smile: float, brow: float, side: int = 0) -> np.ndarray:
    """A smooth picture in which every control can be read off."""
    y, x = np.mgrid[0:1:40j, 0:1:56j]
    return np.stack([0.2 + 0.6 * smile * x, 0.2 + 0.6 * brow * y, 0.3 + 0.1 * side + 0 * x], axis=-1)


CONTROLS = {
    "smile": widgets.Control((0, 0.5, 1), "Smile <AU12>", start=1),
    "brow": (0, 0.25, 0.5, 1),
    "side": (0, 1),
}


@pytest.fixture(scope="module")
def figure() -> widgets.Explorer:
    return widgets.explore(draw, controls=CONTROLS, alt="A toy face.")


@pytest.fixture(scope="module")
def twin(figure: widgets.Explorer) -> BeautifulSoup:
    return BeautifulSoup(widgets.static(figure), "html.parser")


def test_every_cell_agrees_with_the_live_function(figure: widgets.Explorer) -> None:
    sheet = figure.sheet()
    assert sheet.count == 24
    for positions in itertools.product(range(3), range(4), range(2)):
        levels = [c.levels[k] for c, k in zip(figure.controls.values(), positions, strict=True)]
        expected = draw(*levels) * 255  # type: ignore[arg-type]
        shown = sheet.decode(figure.index(positions)).astype(float)
        assert shown.shape == expected.shape
        assert np.abs(shown - expected).mean() < 2.5
        assert np.abs(shown - expected).max() < 25


def test_cells_do_not_run_into_each_other() -> None:
    rng = np.random.default_rng(0)
    flat = [np.full((33, 47, 3), level, np.uint8) for level in rng.choice([0, 255], 30)]
    sheet = widgets.pack(flat)
    for k, picture in enumerate(flat):
        assert np.abs(sheet.decode(k).astype(int) - picture).max() <= 6


def test_controls_are_labeled_native_inputs(twin: BeautifulSoup) -> None:
    inputs = twin.find_all("input")
    assert [tag["type"] for tag in inputs] == ["range"] * 3
    assert [(tag["min"], tag["max"], tag["value"]) for tag in inputs] == [
        ("0", "2", "1"),
        ("0", "3", "0"),
        ("0", "1", "0"),
    ]
    for tag in inputs:
        assert twin.find("label", attrs={"for": tag["id"]})
        assert twin.find("output", attrs={"for": tag["id"]})
    assert twin.find("label").text == "Smile <AU12>"


def test_state_is_announced_and_pictured_before_any_script_runs(
    figure: widgets.Explorer, twin: BeautifulSoup
) -> None:
    assert twin.find(attrs={"aria-live": "polite"}).text == "Smile <AU12> 0.5, brow 0, side 0"
    image = twin.find("img")
    assert image["alt"] == "A toy face. Smile <AU12> 0.5, brow 0, side 0."
    assert twin.find("figure")["data-cell"] == "8"
    x, y = map(float, re.search(r"translate\(-([\d.]+)%,-([\d.]+)%\)", image["style"]).groups())
    sheet = figure.sheet()
    row, column = divmod(8, sheet.columns)
    rows = -(-24 // sheet.columns)
    assert x == pytest.approx(100 * (column + sheet_module.MARGIN / sheet.pitch[1]) / sheet.columns, rel=1e-4)
    assert y == pytest.approx(100 * (row + sheet_module.MARGIN / sheet.pitch[0]) / rows, rel=1e-4)


def test_the_sheet_in_the_page_is_the_sheet(figure: widgets.Explorer, twin: BeautifulSoup) -> None:
    kind, data = twin.find("img")["src"].split(",", 1)
    assert kind == "data:image/webp;base64"
    assert base64.b64decode(data) == figure.sheet().data


def test_no_library_and_no_address(figure: widgets.Explorer) -> None:
    html = widgets.static(figure)
    assert not re.search(r"https?://|require\(|import ", html)
    assert len(html) - len(figure.sheet().data) * 4 / 3 < 6000


def test_ids_are_unique_on_a_page_that_shows_a_figure_twice(figure: widgets.Explorer) -> None:
    page = BeautifulSoup(widgets.static(figure) + widgets.static(figure), "html.parser")
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_captions_are_computed_for_every_state() -> None:
    figure = widgets.explore(
        draw,
        controls={"smile": (0, 1), "brow": (0, 1)},
        alt="A toy.",
        caption=lambda smile, brow: f"</s> {smile + brow}",
    )
    html = widgets.static(figure)
    data = re.search(r'"captions": (\[.*?\])', html)
    assert data and json.loads(data[1]) == ["</s> 0", "</s> 1", "</s> 1", "</s> 2"]
    assert "</s>" not in html.replace("&lt;/s&gt;", "").replace("\\u003c/s>", "")


def test_weight_of_four_sliders_with_four_levels() -> None:
    def face(a: float, b: float, c: float, d: float) -> np.ndarray:
        y, x = np.mgrid[-1:1:128j, -1:1:128j]
        skin = np.exp(-(x**2 + 1.2 * y**2)) * 0.8 + 0.02 * np.sin(40 * x + 9 * d)
        return np.clip(skin - 0.4 * (np.abs(y - 0.3 - a * x**2) < 0.05 + 0.03 * b) + 0.1 * c, 0, 1)

    levels = (0, 0.33, 0.66, 1)
    figure = widgets.explore(face, controls=dict.fromkeys("abcd", levels), alt="A face.")
    assert figure.sheet().count == 256
    assert len(widgets.static(figure)) < 1_000_000


def test_bundle_offers_the_live_view_and_the_twin(figure: widgets.Explorer) -> None:
    bundle = figure._repr_mimebundle_()
    assert "<figure" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_without_ipywidgets_the_twin_remains(
    figure: widgets.Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


def test_live_sliders_call_the_same_function() -> None:
    widget = pytest.importorskip("ipywidgets.widgets.widget")
    seen: list[tuple[float, float]] = []

    def watched(smile: float, brow: float) -> np.ndarray:
        seen.append((smile, brow))
        return draw(smile, brow)

    controls = {"smile": widgets.Control((0, 0.5, 1), "Smile"), "brow": (0.0, 1.0)}
    figure = widgets.explore(watched, controls=controls, alt="A toy.")
    model = figure._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]["model_id"]
    picture, smile, _, _ = widget._instances[model].children
    before = picture.value
    smile.value = 0.7  # between the levels: with a kernel every value can be drawn
    assert seen[-1][0] == pytest.approx(0.7, abs=0.02)
    assert picture.value != before
    data = re.search(r"base64,([^\"]+)", picture.value)
    assert data
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data[1]), np.uint8), 1)[..., ::-1]
    assert np.abs(image - draw(*seen[-1]) * 255).mean() < 2.5


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: widgets.explore(draw, controls={}, alt="A toy."),
        lambda: widgets.explore(draw, controls={"smile": (0, 1)}, alt=" "),
        lambda: widgets.explore(draw, controls={"smile": (0,)}, alt="A toy."),
        lambda: widgets.explore(draw, controls=dict.fromkeys("abcdef", (0, 1, 2, 3)), alt="A toy."),
        lambda: widgets.Control((0, 1), "a", start=2),
        lambda: widgets.pack([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)]),
    ],
)
def test_what_cannot_be_shown_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput):
        wrong()  # type: ignore[operator]


def test_reveal_is_closed_and_holds_its_answer() -> None:
    page = BeautifulSoup(widgets.reveal("More or less?", "Less & less.")._repr_html_(), "html.parser")
    details = page.find("details")
    assert not details.has_attr("open")
    assert details.find("summary").text == "More or less?"
    assert "Less & less." in details.text
