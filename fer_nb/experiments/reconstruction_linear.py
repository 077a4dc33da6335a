"""The same question to the plainest attacker: ridge. `python -m fer_nb.experiments.reconstruction_linear`.

Not planned. The decoders of `reconstruction` were chosen beforehand; afterwards a linear map came nearer in a
cell of the book, so their numbers do not bound what an attacker can do. This run asks every recognizer of
that experiment again, with the same faces, the same facts told to the attacker, and the same scores. No
hypothesis was written down before it: the similarity of one seed at 32 pixels had been seen already.

The recommended setting is asked once more by an attacker who knows that its noise is drawn anew each time,
and holds so many codes of the same face that the noise is averaged away.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from .. import results, spatial
from .._parallel import bar
from ..bottleneck import Recognizer
from ..reconstruct import similarity
from . import _reconstruction_other as other
from . import _reconstruction_units as units
from ._reconstruction_lab import MIRRORED, SPLIT, World, kept, world
from ._reconstruction_report import CHANGED, Book
from ._reconstruction_scores import SEEDS, Scores
from ._reconstruction_settings import RECOMMENDED, STRENGTHS, key

PRICES = (1.0, 30.0, 300.0, 3000.0, 30000.0)  # of ridge; chosen on a fifth of the attacker's own people
AT_64 = ("plain", RECOMMENDED, "floor")
AVERAGED = "averaged"  # the recommended setting, its codes without their noise
HARDENED = (*CHANGED, *STRENGTHS, AVERAGED)
NAMES = ("plain", "floor", *HARDENED)
RECORDS = (
    *(f"reconstruct.linear.{what}.{name}" for name in NAMES for what in ("ssim", "identity")),
    *(f"reconstruct.linear.ssim_gain.{name}" for name in HARDENED), f"reconstruct.identity_probe.{AVERAGED}",
    *(f"reconstruct.linear.{what}.{name}.px64" for name in AT_64 for what in ("ssim", "identity")),
    f"reconstruct.linear.ssim_gain.{RECOMMENDED}.px64", "reconstruct.linear.ssim.shipped",
    "reconstruct.linear.identity.shipped", "reconstruct.linear.ratio_allowed",
    "reconstruct.linear.ratio_allowed.px64",
)  # fmt: skip
Work = dict[str, Callable[[World], units.Arrays]]


def ridge(h: Tensor, x: Tensor, asked: Tensor, price: float) -> Tensor:
    """Turn features into pictures by a linear map, learned from pairs; what is asked comes back (M, 1, S, S).

    Parameters
    ----------
    h, x : (N, D) features and (N, 1, S, S) pictures of the attacker's people
    asked : (M, D) features of the victims

    Examples
    --------
    >>> x = torch.rand(6, 1, 4, 4)
    >>> bool((ridge(x.flatten(1), x, x.flatten(1), 1e-9) - x).abs().max() < 0.01)
    True
    """
    center, scale, blank = h.mean(0), h.std(0).clamp_min(1e-4), x.flatten(1).mean(0)
    a, b = ((h - center) / scale).double(), (x.flatten(1) - blank).double()
    weights = torch.linalg.solve(a.T @ a + price * torch.eye(a.shape[1], dtype=a.dtype), a.T @ b)
    out = (((asked - center) / scale).double() @ weights).float() + blank
    return out.view(-1, *x.shape[1:]).clamp(0, 1).mul(255).round().div(255)


def best_price(who: World, h: Tensor, side: int) -> float:
    """Choose the price of ridge on people of the attacker who were left out, by similarity."""
    person, x = who.attacker.person % MIRRORED, who.attacker.pictures(side)
    people = np.unique(person)
    out = np.isin(person, people[: max(1, len(people) // 5)])
    rows, masks = np.flatnonzero(out)[::10], who.attacker.masks(side)

    def near(price: float) -> float:
        guess = ridge(h[~out], x[~out], h[rows], price)
        return float(similarity(guess, x[rows], masks[rows]).mean())

    return max(PRICES, key=near)


def attack(who: World, name: str, side: int, seed: int) -> units.Arrays:
    """Attack a setting, the floor or the shipped branch linearly, and score it as a decoder is scored."""

    def make() -> units.Arrays:
        codes, logits = _features(who, name, side, seed)
        h = [units.told(z, p) for z, p in zip(logits, units.pair(who), strict=True)]
        if name != "floor":
            h = list(other.beside(who, codes, logits))
        x, price = who.attacker.pictures(side), best_price(who, h[0], side)
        mine, theirs = (ridge(h[0], x, part, price) for part in h)
        probe = {"probe": units.probe_code(who, (codes[0], codes[1]))[0]} if name == AVERAGED else {}
        return {**probe, **units.seen_again(who, theirs, mine, units.judged(who, side), side),
                "shown": units.shown(who, theirs), "price": np.array(price)}  # fmt: skip

    names = {"floor": name, "shipped": name, AVERAGED: f"{AVERAGED}-{key(RECOMMENDED)}"}
    what = names.get(name) or key(name)
    return kept(f"{who.split}-linear-{what}-{side}-{seed}", make)


def _features(who: World, name: str, side: int, seed: int) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Return codes and logits of the attacker's stills and of the victims'."""
    if name == AVERAGED:
        return _means(who, units.train(who, RECOMMENDED, side, seed))
    if name != "shipped":
        return units.features(who, units.train(who, "plain" if name == "floor" else name, side, seed), seed)
    net = spatial.load()
    codes, logits = [], []
    for people in units.pair(who):
        with torch.no_grad():
            maps = torch.cat([net.maps(x) for x in people.pictures(side).split(256)])
            codes.append(maps.flatten(1))
            logits.append(net.head(maps))
    return codes, logits


def _means(who: World, net: Recognizer) -> tuple[list[Tensor], list[Tensor]]:
    """Return the means that noisy codes are drawn around, and what the head makes of them."""
    with torch.no_grad():
        codes = [net.parts(people.pictures(net.side))[0] for people in units.pair(who)]
        return codes, [net.head(code) for code in codes]


def plan(seeds: Sequence[int] = SEEDS) -> Work:
    """Return every unit of work by its name."""
    names = [(name, 32, seed) for seed in seeds for name in ("plain", "floor", *CHANGED, AVERAGED)]
    names += [(name, 32, 0) for name in STRENGTHS] + [(name, 64, 0) for name in (*AT_64, "shipped")]
    return {f"{n}-{side}-{seed}": partial(attack, name=n, side=side, seed=seed) for n, side, seed in names}


def run(split: str = SPLIT, only: Sequence[str] = (), seeds: int = len(SEEDS)) -> list[results.Record]:
    """Make the units, then write records; with `only`, make these units and write nothing."""
    began, who, work = time.perf_counter(), world(split), plan(SEEDS[:seeds])
    done: dict[str, units.Arrays] = {}
    chosen = {name: work[name] for name in only} if only else work
    with bar("linear attack", len(chosen)) as step:
        for name, make in chosen.items():
            done[name] = make(who)
            step()
    return [] if only else write(Scores(who, done), time.perf_counter() - began)


def write(scores: Scores, seconds: float) -> list[results.Record]:
    """Write every record."""
    book = Book(scores.who, seconds, SEEDS[: len(scores.of("plain"))])
    for name in NAMES:
        _put(book, scores, name, 32, name)
    clips = len(scores.of(AVERAGED)[0]["probe"])
    probe = scores.identity(AVERAGED, ("probe",))
    book.put(f"identity_probe.{AVERAGED}", probe, unit="times chance", n=clips,
             note="on codes whose noise is averaged away")  # fmt: skip
    for name in AT_64:
        _put(book, scores, name, 64, f"{name}.px64")
    _put(book, scores, "shipped", 64, "shipped")
    for side, end in ((32, ""), (64, ".px64")):
        verdict = scores.verdict(side)
        seeds = SEEDS[: len(scores.of("plain", side))]
        book.put(f"linear.ratio_allowed{end}", float(verdict.allowed), unit="yes or no", note=verdict.reason,
                 seeds=seeds)  # fmt: skip
    return book.made


def _put(book: Book, scores: Scores, name: str, side: int, id: str) -> None:
    """Write what is known of one setting."""
    seeds = SEEDS[: len(scores.of(name, side))]
    clips = len(scores.of(name, side)[0]["probe_person"])
    near = scores.over_people(scores.stills(name, "ssim", side))
    book.put(f"linear.ssim.{id}", near, unit="SSIM", seeds=seeds, note="linear attacker, inside the oval")
    book.put(f"linear.identity.{id}", scores.identity(name, side=side), unit="times chance", n=clips,
             seeds=seeds, note="probe clips recognized from linear reconstructions")  # fmt: skip
    if name in HARDENED:
        book.ratio(f"linear.ssim_gain.{id}", scores, name, side, seeds=seeds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=SPLIT, help="block of the victims")
    parser.add_argument("--only", nargs="*", default=(), help="units of work to make; no records then")
    parser.add_argument("--seeds", type=int, choices=(1, 2, 3), default=3, help="at 32 pixels")
    given = parser.parse_args()
    for made in run(given.split, given.only, given.seeds):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")
