"""How many people of a block are attacked where an attack is dear."""

from __future__ import annotations

from ..mime import blocks

MOST = 100


def enough(split: str) -> int:
    """Return how many: all of a small block, the first 100 of a larger one.

    Examples
    --------
    >>> enough("validate"), enough("test")
    (50, 100)
    """
    return min(MOST, blocks.spec(split).people)
