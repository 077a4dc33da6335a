"""Figures that move: one draw function, shown as a live widget and as a static twin.

With a kernel, sliders call the draw function. On a published page there is no kernel: there the same
function has drawn every combination of the slider levels beforehand, into one image of many cells, and a
few lines of plain JavaScript show the right cell. The twin needs no library.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BadInput
from .live import view
from .sheet import Sheet, pack
from .state import Control, Draw, Sliders, Value
from .twin import static

MOST_CELLS = 1024

__all__ = ["Control", "Explorer", "Reveal", "Sheet", "Sliders", "explore", "pack", "reveal", "static"]


class Explorer(Sliders):
    """What `explore` returns: a notebook shows it live or static, whichever it can."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle = {"text/plain": f"{self.alt} ({len(self.controls)} sliders)", "text/html": static(self)}
        live = view(self)
        return bundle if live is None else {**bundle, **live}


def explore(
    draw: Draw,
    *,
    controls: Mapping[str, Control | Sequence[Value]],
    alt: str,
    caption: Callable[..., str] | None = None,
    quality: int = 80,
    width: int = 320,
) -> Explorer:
    """Let the reader move sliders and see what `draw` draws.

    Parameters
    ----------
    draw
        Called with one keyword argument per control; returns `(H, W)` or `(H, W, 3)`, `uint8` or floats
        in [0, 1], the same size for all values.
    controls
        Name of the argument to its levels, or to a `Control` with a label.
    alt
        What the picture shows, in a sentence without the slider values: those are added.
    caption
        Called like `draw`; a short text under the picture for the values at hand.
    quality
        Of the WebP image, 1 to 100.
    width
        Shown width of the picture in CSS pixels.

    Raises
    ------
    BadInput
        If there is no control, no alt text, or more than 1024 combinations.

    Examples
    --------
    >>> import numpy as np
    >>> grey = lambda level: np.full((16, 16), level, np.uint8)
    >>> figure = explore(grey, controls={"level": (0, 128, 255)}, alt="A grey square.")
    >>> "<input type=\\"range\\"" in static(figure)
    True
    """
    full = {k: c if isinstance(c, Control) else Control(tuple(c), k) for k, c in controls.items()}
    cells = math.prod(len(control.levels) for control in full.values())
    if not full or not alt.strip():
        raise BadInput("explore: needs one control or more, and an alt text")
    if cells > MOST_CELLS:
        raise BadInput(f"explore: {cells} combinations are too many for a page, keep to {MOST_CELLS}")
    return Explorer(draw, full, alt, caption, quality, width)


@dataclass(frozen=True)
class Reveal:
    """A question whose answer opens on a click or a key."""

    question: str
    answer: Any

    def _repr_html_(self) -> str:
        inner = self.answer._repr_html_() if hasattr(self.answer, "_repr_html_") else None
        body = html.escape(str(self.answer)) if inner is None else inner
        return f'<details class="fer-reveal"><summary>{html.escape(self.question)}</summary>{body}</details>'


def reveal(question: str, answer: Any) -> Reveal:
    """Ask first: the answer, a text or a figure, stays closed until the reader opens it.

    Examples
    --------
    >>> "<summary>Higher?</summary>" in reveal("Higher?", "Yes.")._repr_html_()
    True
    """
    return Reveal(question, answer)
