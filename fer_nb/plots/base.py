"""What all figures share: the look, the palette, and a picture that carries its alt text.

Colors are the palette of Okabe and Ito, safe for color-blind readers; markers, hatches and labels say
the same again, so no figure depends on color alone. Labels keep one color and one marker in all chapters.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas

from ..errors import BadInput
from ..labels import LABELS

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))
INK = "#1a1a1a"
CARD = "#fdfdfb"  # opaque near-white, so that a figure is readable on a dark page too
COLORS = dict(zip(LABELS, ("#555555", *PALETTE[1:6], PALETTE[0]), strict=True))
Pixels = Any  # (H, W) or (H, W, 3), uint8, or floats in [0, 1]


@dataclass(frozen=True)
class Figure:
    """A picture and the text that stands for it.

    In a notebook it shows as an HTML figure whose image carries the alt text.

    Examples
    --------
    >>> fig, ax = canvas(2, 1)
    >>> _ = ax.plot([0, 1])
    >>> Figure(fig, "A rising line.")._repr_html_().count('alt="A rising line."')
    1
    """

    fig: Canvas
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise BadInput("figure without alt text: say in a sentence what the picture shows")

    def png(self, *, dpi: int = 110) -> bytes:
        """Return the picture as PNG bytes."""
        buffer = io.BytesIO()
        with style():
            self.fig.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        return buffer.getvalue()

    def save(self, path: str | Path, *, dpi: int = 150) -> Path:
        """Write the picture; the ending of the name says the format (png, svg, pdf, jpg)."""
        with style():
            self.fig.savefig(path, dpi=dpi)
        return Path(path)

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png()).decode()
        alt = html.escape(self.alt, quote=True)
        return (
            f'<figure class="fer-figure"><img class="dark-light" src="data:image/png;base64,{data}" '
            f'alt="{alt}" style="max-width:100%;height:auto"></figure>'
        )


@contextmanager
def style() -> Iterator[None]:
    """Use the book's look inside a `with` block; nothing changes outside of it."""
    look: Any = {
        "figure.facecolor": CARD, "axes.facecolor": CARD, "savefig.facecolor": CARD,
        "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.edgecolor": INK, "font.size": 12.0, "axes.titlesize": 13.0, "axes.labelsize": 12.0,
        "legend.fontsize": 11.0, "xtick.labelsize": 11.0, "ytick.labelsize": 11.0,
        "axes.spines.top": False, "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=PALETTE),
        "lines.linewidth": 2.0, "lines.markersize": 6.0, "hatch.linewidth": 0.8, "axes.axisbelow": True,
        "legend.frameon": False, "font.family": "DejaVu Sans", "svg.hashsalt": "fer_nb",
    }  # fmt: skip
    with matplotlib.rc_context(look):
        yield


def canvas(width: float = 7.0, height: float = 3.6, **kwargs: Any) -> tuple[Canvas, Any]:
    """Return an empty picture of `width` by `height` inches and its axes, outside of pyplot's memory."""
    fig = Canvas(figsize=(width, height), layout="constrained")
    fig.set_layout_engine("constrained", w_pad=0.1, h_pad=0.08)
    return fig, fig.subplots(**kwargs)


def label_color(label: str) -> str:
    """Return the color that a label has everywhere in the book.

    Examples
    --------
    >>> label_color("neutral")
    '#555555'
    """
    return COLORS.get(label, INK)


def ink_on(color: str) -> str:
    """Return the text color, dark or white, that reads better on a color.

    Examples
    --------
    >>> ink_on("#E69F00"), ink_on("#0072B2")
    ('#1a1a1a', 'white')
    """
    red, green, blue = (x / 12.92 if x <= 0.04 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(color))
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.22 else "white"
