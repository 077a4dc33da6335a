"""Figures: each helper draws with Matplotlib and returns the picture together with its alt text.

Colors are the palette of Okabe and Ito, safe for color-blind readers; markers, hatches and labels say
the same again, so no figure depends on color alone. A label keeps one color in all chapters.
"""

from .base import COLORS, PALETTE, Figure, canvas, label_color, style
from .calibration import reliability
from .charts import bars, confusion, images, lines
from .comparison import intervals, winners
from .faces import grouped_bars, landmarks
from .heat import attributions, heat
from .roc import roc
from .time import courses, timeline
from .tradeoff import tradeoff

__all__ = [
    "COLORS",
    "PALETTE",
    "Figure",
    "attributions",
    "bars",
    "canvas",
    "confusion",
    "courses",
    "grouped_bars",
    "heat",
    "images",
    "intervals",
    "label_color",
    "landmarks",
    "lines",
    "reliability",
    "roc",
    "style",
    "timeline",
    "tradeoff",
    "winners",
]
