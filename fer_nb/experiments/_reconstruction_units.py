"""Units of work of the reconstruction experiment: one setting and seed each, attacked and scored on victims.

A unit trains a recognizer, lets the attacker run her own faces through it, trains fresh decoders on what
comes out, and scores what they make of the victims. Every decoder is also told the predicted expression, the
pose and the light, which is all that the conditional floor knows: so what a decoder reaches above the floor
comes from the released code alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..bottleneck import Recognizer, harden
from ..reconstruct import SIZES, Decoder, decode, fit_decoder, similarity
from ._reconstruction_lab import Identity, Stills, World, apart, fine, kept, recognized
from ._reconstruction_settings import SETTINGS, key

EPOCHS = 16  # of a recognizer
ROUNDS = {32: 6, 64: 6}  # of a decoder, by the side of its pictures
MOVING = 12  # action units that are probed: those that vary most among the recognizer's people
SHOWN = 8  # victims whose pictures are kept for the gallery
Arrays = dict[str, np.ndarray]


def released(net: Recognizer, x: Tensor, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return what a recognizer gives out, codes (N, K) and logits (N, 7); each noisy code is drawn once."""
    torch.manual_seed(seed)
    with torch.no_grad():
        code = torch.cat([net.release(part) for part in x.split(512)])
        return code, net.head(code)


def told(logits: Tensor, people: Stills) -> Tensor:
    """Return what the floor knows, and every decoder too: expression, pose, light, (N, 11)."""
    return torch.cat([logits.softmax(1), torch.from_numpy(people.poses), people.light()], 1)


def train(world: World, name: str, side: int, seed: int) -> Recognizer:
    """Train a recognizer of a setting on its own people, or read its weights where they are kept."""
    setting, own = SETTINGS[name], world.own
    net = setting.build(side=side, units=own.units.shape[1])

    def make() -> Arrays:
        facts = torch.from_numpy(own.labels).long(), torch.from_numpy(own.units).float()
        trained, _ = harden(setting, own.pictures(side), *facts, epochs=EPOCHS, seed=seed, adversary=_rival)
        return {part: value.numpy() for part, value in trained.state_dict().items()}

    weights = kept(f"weights-{len(own)}-{key(name)}-{side}-{seed}", make)
    net.load_state_dict({part: torch.from_numpy(value) for part, value in weights.items()})
    return net.eval()


def _rival(inputs: int, side: int) -> Decoder:
    """Return the decoder that learns along."""
    return Decoder(inputs, side=side, width=SIZES["small"])


def moving(world: World) -> np.ndarray:
    """Number the action units that vary most among the recognizer's people, (MOVING,)."""
    return np.sort(np.argsort(-world.own.units.var(0))[:MOVING])


def probed(code: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Read action units off codes by a linear probe, (M, U): ridge, its strength chosen by cross-validation.

    Parameters
    ----------
    code, truth : (N, K) codes of the recognizer's people and (N, U) their true units
    asked : (M, K) codes of the victims
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(1, 5, 9)))
    return probe.fit(code, truth).predict(asked)


_JUDGES: dict[tuple[str, int], Identity] = {}


def judged(world: World, side: int) -> Identity:
    """Return the book's identity measure on originals; made once for each world and size."""
    key = world.split, side
    if key not in _JUDGES:
        _JUDGES[key] = Identity(fine(world.judge.pictures(side)), world.judge.person)
    return _JUDGES[key]


def seen_again(world: World, theirs: Tensor, mine: Tensor, judge: Identity, side: int) -> Arrays:
    """Score decoded pictures: how near, how near in identity, and who is recognized in them.

    `naive` compares them with originals, by a measure made for originals. `parrot` learns from the attacker's
    own decoded pictures and compares with decoded pictures of the victims' other sessions.

    Parameters
    ----------
    theirs, mine : (N, 1, S, S) pictures decoded for the victims, (M, 1, S, S) for the attacker's people
    """
    who, probe = world.victims, world.probes
    x, rows = who.pictures(side), fine(theirs)
    places, originals = judge(rows), judge(fine(x))
    own = Identity(fine(mine), world.attacker.person)(rows)
    out: Arrays = {"ssim": similarity(theirs, x, who.masks(side)), "distance": apart(places, originals)}
    for name, gallery, asked in (("naive", originals, places), ("parrot", own, own)):
        out[name], out["probe_person"] = recognized(
            gallery[~probe], who.person[~probe], asked[probe], who.person[probe], who.clip[probe]
        )
    return out


def attacked(
    world: World, h: tuple[Tensor, Tensor], side: int, seed: int, *, size: str, judge: Identity
) -> tuple[Arrays, Tensor]:
    """Train a fresh decoder on features of the attacker's faces, and score it on the victims.

    Parameters
    ----------
    h : features of the attacker's stills and of the victims'
    """
    x = world.attacker.pictures(side)
    decoder = fit_decoder(h[0], x, width=SIZES[size], epochs=ROUNDS[side], seed=seed)
    theirs = decode(decoder, h[1])
    return seen_again(world, theirs, decode(decoder, h[0]), judge, side), theirs


def features(world: World, net: Recognizer, seed: int) -> tuple[tuple[Tensor, Tensor], list[Tensor]]:
    """Return codes and logits of the attacker's stills and of the victims'."""
    pairs = [released(net, who.pictures(net.side), seed=seed) for who in (world.attacker, world.victims)]
    return (pairs[0][0], pairs[1][0]), [z for _, z in pairs]


def study(world: World, name: str, side: int, seed: int, sizes: Sequence[str] = ("medium",)) -> Arrays:
    """Train, attack and score one setting; what is kept is enough for every record.

    Returns
    -------
    dict
        For the victims' stills: `ssim.<size>`, `distance.<size>`, `right` (apex only, else NaN), `units`
        (N, MOVING); for the probe clips: `naive.<size>`, `parrot.<size>`, `probe`, `probe_person`;
        `shown.<size>` (SHOWN, S, S) uint8, and `seconds`.
    """

    def make() -> Arrays:
        who, net = world.victims, train(world, name, side, seed)
        codes, logits = features(world, net, seed)
        judge = judged(world, side)
        out: Arrays = {"right": (logits[1].argmax(1).numpy() == who.labels).astype(float)}
        own = released(net, world.own.pictures(side), seed=seed)[0].numpy()
        out["units"] = probed(own, world.own.units[:, moving(world)], codes[1].numpy())
        out["probe"], out["probe_person"] = probe_code(world, codes)
        side_by = [torch.cat([h, told(z, p)], 1) for h, z, p in zip(codes, logits, pair(world), strict=True)]
        for size in sizes:
            found, pictures = attacked(world, (side_by[0], side_by[1]), side, seed, size=size, judge=judge)
            out |= {f"{what}.{size}": value for what, value in found.items() if what != "probe_person"}
            out[f"shown.{size}"] = shown(world, pictures)
        return out

    return kept(f"{world.split}-{key(name)}-{side}-{seed}-{'+'.join(sizes)}", make)


def floor(world: World, side: int, seed: int, size: str = "medium") -> Arrays:
    """Score the conditional floor: a decoder that is told expression, pose and light, and nothing else."""

    def make() -> Arrays:
        net = train(world, "plain", side, seed)
        logits = features(world, net, seed)[1]
        h = [told(z, p) for z, p in zip(logits, pair(world), strict=True)]
        found, pictures = attacked(world, (h[0], h[1]), side, seed, size=size, judge=judged(world, side))
        return {**found, "shown": shown(world, pictures)}

    return kept(f"{world.split}-floor-{side}-{seed}-{size}", make)


def originals(world: World, side: int) -> Arrays:
    """Score the originals themselves: the ceiling of every identity measure used here."""

    def make() -> Arrays:
        x = world.victims.pictures(side)
        return seen_again(world, x, world.attacker.pictures(side), judged(world, side), side) | {
            "shown": shown(world, x)
        }

    return kept(f"{world.split}-originals-{side}", make)


def pair(world: World) -> tuple[Stills, Stills]:
    """Return the attacker's people and the victims."""
    return world.attacker, world.victims


def probe_code(world: World, codes: tuple[Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Recognize victims by their codes alone, without any picture: it bounds every decoder."""
    who, probe = world.victims, world.probes
    places = Identity(codes[0].numpy(), world.attacker.person)(codes[1].numpy())
    return recognized(places[~probe], who.person[~probe], places[probe], who.person[probe], who.clip[probe])


def gallery_rows(world: World) -> np.ndarray:
    """Number one still of each of a few victims, of differing labels: apexes of the last session."""
    who, rows = world.victims, []
    for k, person in enumerate(np.unique(who.person)[:SHOWN]):
        mine = np.flatnonzero((who.person == person) & who.apex & world.probes)
        rows.append(mine[(k + 1) % len(mine)])
    return np.array(rows)


def shown(world: World, pictures: Tensor) -> np.ndarray:
    """Return the gallery's part of some pictures, (SHOWN, S, S) uint8."""
    return pictures[gallery_rows(world), 0].mul(255).round().byte().numpy()


def r_squared(truth: np.ndarray, said: np.ndarray) -> float:
    """Mean over columns of the share of variance that is explained.

    Examples
    --------
    >>> truth = np.array([[0.0], [1.0], [2.0]])
    >>> r_squared(truth, truth), r_squared(truth, np.ones((3, 1)))
    (1.0, 0.0)
    """
    left = ((said - truth) ** 2).sum(0)
    return float(np.mean(1 - left / np.maximum(((truth - truth.mean(0)) ** 2).sum(0), 1e-9)))
