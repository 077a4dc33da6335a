"""Every figure carries its text, is drawn without pyplot's memory, and does not depend on color alone."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fer_nb import plots
from fer_nb.errors import BadInput
from fer_nb.labels import LABELS


def prediction(**changes: object) -> SimpleNamespace:
    happy = dict.fromkeys(LABELS, 0.02) | {"happiness": 0.88}
    calm = dict.fromkeys(LABELS, 0.02) | {"neutral": 0.88}
    parts = [
        {"start": 0.0, "end": 1.0, "label": "neutral", "probabilities": calm},
        {"start": 1.0, "end": 2.0, "label": "happiness", "probabilities": happy},
        {"start": 2.0, "end": 2.4, "label": None, "probabilities": None},
    ]
    fields = {"timeline": parts, "seconds": 2.4, "frames": 60, "frames_with_face": 50}
    return SimpleNamespace(**{**fields, **changes})


def figures() -> dict[str, plots.Figure]:
    ramp = np.linspace(0, 1, 30)
    return {
        "images": plots.images([np.zeros((8, 8)), np.ones((8, 8, 3))], alt="Two squares.", titles=["a", "b"]),
        "bars": plots.bars(
            ["a", "b"], [0.5, 0.7], low=[0.4, 0.6], high=[0.6, 0.8], ylabel="accuracy", chance=0.14
        ),
        "lines": plots.lines(ramp, {"up": ramp, "down": 1 - ramp}, alt="Two lines that cross."),
        "confusion": plots.confusion(np.eye(7) * 9 + 1),
        "timeline": plots.timeline(prediction()),
        "courses": plots.courses(np.stack([ramp, ramp**2, 0 * ramp], 1), 25, ["AU12", "AU6", "AU4"]),
    }


@pytest.mark.parametrize("name", figures())
def test_figure_shows_as_an_image_with_its_text(name: str) -> None:
    figure = figures()[name]
    shown = figure._repr_html_()
    assert re.search(r'<figure[^>]*><img [^>]*alt="[^"]{8,}"', shown)
    assert "data:image/png;base64," in shown
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", figures())
def test_figure_is_an_opaque_light_card(name: str) -> None:
    image = cv2.imdecode(np.frombuffer(figures()[name].png(dpi=50), np.uint8), cv2.IMREAD_UNCHANGED)
    corner = image[0, 0].astype(int)
    assert corner[:3].min() > 245
    assert image.shape[2] == 3 or corner[3] == 255


def test_alt_is_escaped_and_required() -> None:
    fig, _ = plots.canvas(1, 1)
    assert 'alt="a &lt; &quot;b&quot;"' in plots.Figure(fig, 'a < "b"')._repr_html_()
    with pytest.raises(BadInput, match="alt text"):
        plots.Figure(fig, "  ")


def test_texts_are_written_from_the_numbers() -> None:
    made = figures()
    assert made["bars"].alt == "Bar chart of accuracy: a 0.5 (0.4 to 0.6), b 0.7 (0.6 to 0.8)."
    assert "neutral 0.0 to 1.0 s, happiness 1.0 to 2.0 s, no face 2.0 to 2.4 s" in made["timeline"].alt
    assert "50 of 60 frames" in made["timeline"].alt
    assert made["courses"].alt.startswith("Action units over 1.2 s: AU12 reaches 1.00")
    assert "AU4" not in made["courses"].alt
    matrix = np.eye(7) * 8
    matrix[3, 6] = 2
    assert "fear read as surprise, 20%" in plots.confusion(matrix).alt


def test_timeline_uses_the_finer_course_where_there_is_one() -> None:
    ticks = np.arange(0, 2.4, 0.1)
    course = np.full((24, 7), np.nan)
    course[:20] = np.eye(7)[4]
    whole = prediction(ticks=ticks, course=course, sequence=SimpleNamespace(found=np.arange(60) < 50))
    axes = plots.timeline(whole).fig.axes
    drawn = [line for ax in axes for line in ax.lines]
    assert [line.get_label() for line in drawn] == ["happiness"]
    assert len(drawn[0].get_xdata()) == 24


def test_timeline_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="no segments"):
        plots.timeline(prediction(timeline=[]))


def test_a_timeline_without_any_face_is_drawn() -> None:
    blank = [{"start": 0.0, "end": 2.4, "label": None, "probabilities": None}]
    figure = plots.timeline(prediction(timeline=blank, frames_with_face=0))
    assert "no face 0.0 to 2.4 s" in figure.alt
    assert figure.png()


def test_series_differ_by_more_than_color() -> None:
    names = [str(k) for k in range(7)]
    (ax,) = plots.lines([0, 1], {name: [0, 1] for name in names}, alt="Seven lines.").fig.axes
    assert len({(str(line.get_linestyle()), line.get_marker()) for line in ax.lines}) == 7
    (ax,) = plots.bars(names, [1] * 7).fig.axes
    assert len({patch.get_hatch() for patch in ax.patches}) == 7


def test_labels_have_seven_colors_apart_from_one_another() -> None:
    colors = np.array([to_rgb(plots.label_color(label)) for label in LABELS])
    apart = np.linalg.norm(colors[:, None] - colors[None], axis=-1) + np.eye(7)
    assert apart.min() > 0.25


def test_save_follows_the_ending(tmp_path: Path) -> None:
    for ending in ("png", "svg", "pdf"):
        assert figures()["bars"].save(tmp_path / f"a.{ending}").stat().st_size > 500


def test_style_stays_inside_its_block() -> None:
    before = plt.rcParams["font.size"]
    with plots.style():
        assert plt.rcParams["font.size"] >= 12
    assert plt.rcParams["font.size"] == before


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: plots.images([], alt="none"),
        lambda: plots.images([np.zeros((4, 4))], alt="one", titles=["a", "b"]),
        lambda: plots.bars(["a"], [1, 2]),
        lambda: plots.confusion(np.eye(3)),
        lambda: plots.courses(np.zeros((5, 2)), 25, ["a"]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(wrong: object) -> None:
    with pytest.raises(BadInput):
        wrong()  # type: ignore[operator]
