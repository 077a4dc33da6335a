"""Figures: each helper draws with Matplotlib and returns the picture together with its alt text.

Colors are the palette of Okabe and Ito, safe for color-blind readers; markers, hatches and labels say
the same again, so no figure depends on color alone. A label keeps one color in all chapters.
"""

from .base import COLORS, PALETTE, Figure, canvas, label_color, style
from .charts import bars, confusion, images, lines
from .faces import grouped_bars, landmarks
from .time import courses, timeline

__all__ = [
    "COLORS",
    "PALETTE",
    "Figure",
    "bars",
    "canvas",
    "confusion",
    "courses",
    "grouped_bars",
    "images",
    "label_color",
    "landmarks",
    "lines",
    "style",
    "timeline",
]
