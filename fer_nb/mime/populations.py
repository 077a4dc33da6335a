"""Who exists in a data version: disjoint blocks of people, their names, and a fingerprint of the version."""

from __future__ import annotations

import ast
import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput

VERSION = "mime-v2"
LICENCE = "CC BY 4.0"
# The modules that a frame depends on.
PICTURES = ("template", "units", "head", "skin", "people", "scenes", "courses", "raster", "render")
DOCUMENTED = (ast.FunctionDef, ast.ClassDef, ast.Module)


@dataclass(frozen=True)
class BlockSpec:
    """A population: how many people, how many sessions, and the first identity number.

    Examples
    --------
    >>> 2_149 in BLOCKS["test"].numbers, 2_150 in BLOCKS["test"].numbers
    (True, False)
    """

    people: int
    sessions: int
    first: int

    @property
    def numbers(self) -> range:
        """The identity numbers of the block's people."""
        return range(self.first, self.first + self.people)


BLOCKS: dict[str, BlockSpec] = {
    "fit": BlockSpec(400, 3, 0),
    "validate": BlockSpec(50, 3, 1_000),
    "test": BlockSpec(150, 3, 2_000),
    "attacker": BlockSpec(300, 3, 3_000),
    "non-members": BlockSpec(5_000, 1, 10_000),
    "sealed": BlockSpec(100, 1, 20_000),
}


def spec(block: str) -> BlockSpec:
    """Return the size and the identity numbers of a block.

    Raises
    ------
    BadInput
        For a name that is not in `BLOCKS`.

    Examples
    --------
    >>> spec("validate")
    BlockSpec(people=50, sessions=3, first=1000)
    """
    try:
        return BLOCKS[block]
    except KeyError:
        raise BadInput(f"unknown block {block!r}: use one of {', '.join(BLOCKS)}") from None


def subject_id(block: str, person: int, version: str = VERSION) -> str:
    """Return the name of a person, as clips and splits carry it.

    Examples
    --------
    >>> subject_id("fit", 7)
    'mime-v2/fit/0007'
    """
    return f"{version}/{block}/{person:04d}"


@functools.cache
def fingerprint() -> str:
    """Return eight digits that change when frames may change, so that no stale cache is read.

    They stand for the code that makes pictures, without comments and layout, and for the template.

    Examples
    --------
    >>> len(fingerprint())
    8
    """
    digest = hashlib.sha256(Path(__file__).with_name("template.npz").read_bytes())
    for name in PICTURES:
        digest.update(bare(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:8]


def bare(source: str) -> str:
    """Return the syntax tree of a module as text, without docstrings, comments and layout.

    Examples
    --------
    >>> bare("def f():\\n    'Words.'\\n    return 1  # more words") == bare("def f(): return 1")
    True
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
