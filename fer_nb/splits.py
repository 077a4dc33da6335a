"""Who may be used for what: the identity blocks of Mime, and honest and dishonest ways to split people.

Clips of one person resemble each other. A split that puts some of a person's clips in training and others
in the test measures memory, not reading of expressions. `check_disjoint` refuses such a split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from . import mime
from .errors import BadInput

if TYPE_CHECKING:
    from .clips import Clip

Subjects = Iterable["str | Clip | None"]


@dataclass(frozen=True)
class Block:
    """People set aside for one use: how many, how many sessions each, and the number of the first."""

    name: str
    people: int
    sessions: int
    first: int

    @property
    def identities(self) -> range:
        """Numbers of the people; no two blocks share one."""
        return range(self.first, self.first + self.people)


BLOCKS = MappingProxyType(
    {name: Block(name, b.people, b.sessions, b.first) for name, b in mime.BLOCKS.items()}
)


def block(name: str) -> Block:
    """Return one identity block.

    Raises
    ------
    BadInput
        If there is no block of that name.

    Examples
    --------
    >>> block("fit").people
    400
    """
    if name not in BLOCKS:
        raise BadInput(f"unknown block {name!r}: use one of {', '.join(BLOCKS)}")
    return BLOCKS[name]


def _name(item: str | Clip | None) -> str | None:
    return item if item is None or isinstance(item, str) else item.subject


def people(items: Subjects) -> list[str]:
    """List the people in clips (or subject names), sorted, each once.

    Raises
    ------
    BadInput
        If a clip does not say who is in it.

    Examples
    --------
    >>> people(["b", "a", "b"])
    ['a', 'b']
    """
    names = [_name(item) for item in items]
    if None in names:
        raise BadInput(f"clip {names.index(None)} does not say who is in it: set its subject")
    return sorted({name for name in names if name is not None})


def check_disjoint(a: Subjects, b: Subjects) -> None:
    """Refuse two sets of clips (or subject names) that share a person.

    Raises
    ------
    BadInput
        If they do; names the people.

    Examples
    --------
    >>> check_disjoint(["anna"], ["ben"])
    >>> check_disjoint(["anna", "ben"], ["ben"])
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: both sides hold clips of ben: split by person, not by clip
    """
    shared = sorted(set(people(a)) & set(people(b)))
    if shared:
        more = f" and {len(shared) - 5} more" if len(shared) > 5 else ""
        raise BadInput(
            f"both sides hold clips of {', '.join(shared[:5])}{more}: split by person, not by clip"
        )


def random_split(n: int, *, share: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Split clips at random, whoever is in them: the leaky way, kept to show what it does to a score.

    Parameters
    ----------
    n : int, number of clips
    share : float, of the clips that go to the test
    seed : int

    Returns
    -------
    (train, test), sorted int arrays of clip numbers

    Examples
    --------
    >>> train, test = random_split(10, share=0.2)
    >>> len(train), len(test)
    (8, 2)
    """
    order = np.random.default_rng(seed).permutation(n)
    cut = _cut(n, share)
    return np.sort(order[cut:]), np.sort(order[:cut])


def subject_disjoint_split(
    items: Subjects, *, share: float = 0.2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Split so that nobody is on both sides: all clips of a person go the same way.

    Returns
    -------
    (train, test), sorted int arrays of clip numbers

    Examples
    --------
    >>> train, test = subject_disjoint_split(["a", "a", "b", "b"], share=0.5)
    >>> len(train), len(test)
    (2, 2)
    """
    items = list(items)
    names = np.array([_name(item) for item in items])
    everyone = np.array(people(items))
    drawn = np.random.default_rng(seed).permutation(len(everyone))[: _cut(len(everyone), share)]
    tested = np.isin(names, everyone[drawn])
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def subject_disjoint_folds(
    items: Subjects, *, folds: int = 5, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide the people into folds; each fold is the test once.

    Returns
    -------
    list of (train, test) int arrays of clip numbers

    Raises
    ------
    BadInput
        If there are fewer people than folds, or fewer than two folds.

    Examples
    --------
    >>> [test.tolist() for _, test in subject_disjoint_folds(["a", "b", "a"], folds=2)] in (
    ...     [[0, 2], [1]], [[1], [0, 2]])
    True
    """
    items = list(items)
    names = np.array([_name(item) for item in items])
    everyone = np.array(people(items))
    if not 2 <= folds <= len(everyone):
        raise BadInput(f"{folds} folds for {len(everyone)} people: give 2 to {len(everyone)}")
    groups = np.array_split(np.random.default_rng(seed).permutation(everyone), folds)
    tested: Sequence[np.ndarray] = [np.isin(names, group) for group in groups]
    return [(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in tested]


def _cut(n: int, share: float) -> int:
    """How many of `n` go to the test: at least one, and at least one stays."""
    if n < 2 or not 0 < share < 1:
        raise BadInput(f"cannot split {n} with share {share}: give two or more and a share between 0 and 1")
    return min(n - 1, max(1, round(share * n)))
