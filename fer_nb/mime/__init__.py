"""Mime: synthetic people who mime expressions. Chapter 1 of the book.

`template` is the resting face, `units` moves it, `head` completes it, `skin` paints it, `people` and
`scenes` vary it, `courses` lets it act, `raster` and `render` take the picture. `populations` says who
exists, `blocks` makes and keeps their clips, `still` makes one picture.
"""

from .blocks import block, clip, reenact
from .populations import BLOCKS, VERSION, BlockSpec, fingerprint, subject_id
from .render import IMAGE_SIZE
from .still import face
from .units import NAMES, UNITS

__all__ = [
    "BLOCKS",
    "IMAGE_SIZE",
    "NAMES",
    "UNITS",
    "VERSION",
    "BlockSpec",
    "block",
    "clip",
    "face",
    "fingerprint",
    "reenact",
    "subject_id",
]
