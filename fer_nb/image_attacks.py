"""Attacks on still pictures, from libraries: Foolbox where it has them, torchattacks for the rest.

Two kinds. Attacks with a *bound* do as much harm as they can within epsilon: noise (the control), FGSM, PGD,
APGD, Square, AutoAttack. Attacks that *minimize* look for the smallest change that flips the label: DeepFool,
Carlini-Wagner, HopSkipJump, Boundary. Each is a function for `attacks.launch`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .attacks import Attack, Attackable, check_epsilon, check_labels
from .errors import BadInput
from .gradient_attacks import check_effort

# What an attacker needs to know: nothing, gradients, scores, or the label alone.
BOUNDED = {
    "noise": "nothing", "FGSM": "gradients", "PGD": "gradients", "APGD": "gradients", "Square": "scores",
    "AutoAttack": "gradients",
}  # fmt: skip
MINIMAL = {
    "DeepFool": "gradients", "Carlini-Wagner": "gradients", "HopSkipJump": "label", "Boundary": "label",
}  # fmt: skip


def bounded(
    name: str,
    epsilon: float,
    *,
    norm: str = "linf",
    steps: int | None = None,
    restarts: int = 1,
    target: int | None = None,
    seed: int = 0,
) -> Attack:
    """Return an attack that stays within a bound.

    Parameters
    ----------
    name : one of `BOUNDED`
    epsilon, norm : the bound, such as 8/255, "linf"
    steps : steps of PGD (40), of APGD (50) and of each part of AutoAttack (100), queries of Square (500; that
        of AutoAttack has 5,000); without effect on the others
    restarts : of noise (draws), PGD, APGD and Square; the worst one counts
    target : a class that pictures are to be read as (PGD and Square only)
    seed : of torchattacks; Foolbox uses torch's, which `attacks.launch` seeds

    Raises
    ------
    BadInput
        If the name is unknown, or the attack cannot do what is asked.

    Examples
    --------
    >>> from fer_nb.attacks import launch, under_attack
    >>> toy = under_attack(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 7)).eval())
    >>> x, y = torch.full((2, 1, 4, 4), 100 / 255), torch.tensor([0, 1])
    >>> found = launch(bounded("FGSM", 8 / 255), toy, x, y, epsilon=8 / 255)
    >>> round(float(found.levels.max())), found.gradients
    (8, 1.0)
    """
    epsilon = check_epsilon(epsilon, norm)
    check_effort(1 if steps is None else steps, restarts)
    if name not in BOUNDED:
        raise BadInput(f"attack: no bounded attack {name!r}: use one of {', '.join(BOUNDED)}")
    if target is not None and name not in ("PGD", "Square"):
        raise BadInput(f"attack: {name} takes no target here: use PGD or Square")
    if name in ("noise", "FGSM", "PGD"):
        return _foolbox(_foolbox_attack(name, norm, steps or 40, restarts), epsilon, target, restarts)
    options = {"norm": {"linf": "Linf", "l2": "L2"}[norm], "eps": epsilon, "seed": seed}
    return _torchattacks(name, options, steps, restarts, target)


def minimal(name: str, *, norm: str = "l2", steps: int | None = None, target: int | None = None) -> Attack:
    """Return an attack that looks for the smallest change that is read wrongly.

    Parameters
    ----------
    name : one of `MINIMAL`
    norm : what is to be small; Carlini-Wagner and Boundary know "l2" only
    steps : of the search: DeepFool (50), Carlini-Wagner (100), HopSkipJump (10), Boundary (500)
    target : a class that pictures are to be read as (Carlini-Wagner only)

    Raises
    ------
    BadInput
        If the name is unknown, or the attack cannot do what is asked.

    Examples
    --------
    >>> from fer_nb.attacks import under_attack
    >>> toy = under_attack(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 7)).eval())
    >>> x = torch.full((2, 1, 4, 4), 100 / 255)
    >>> y = toy(x).argmax(1)
    >>> bool((toy(minimal("DeepFool")(toy, x, y)).argmax(1) != y).all())
    True
    """
    import foolbox.attacks as fb

    if name not in MINIMAL:
        raise BadInput(f"attack: no minimizing attack {name!r}: use one of {', '.join(MINIMAL)}")
    if norm != "l2" and name in ("Carlini-Wagner", "Boundary"):
        raise BadInput(f"attack: {name} minimizes l2 only: give norm='l2', or use DeepFool or HopSkipJump")
    if target is not None and name != "Carlini-Wagner":
        raise BadInput(f"attack: {name} takes no target here: use Carlini-Wagner")
    check_epsilon(1.0, norm)
    check_effort(1 if steps is None else steps)
    deep = fb.L2DeepFoolAttack if norm == "l2" else fb.LinfDeepFoolAttack
    start = fb.LinearSearchBlendedUniformNoiseAttack(directions=20, steps=100)
    makers: dict[str, Callable[[], Any]] = {
        "DeepFool": lambda: deep(steps=steps or 50),
        "Carlini-Wagner": lambda: fb.L2CarliniWagnerAttack(
            binary_search_steps=4, steps=steps or 100, stepsize=0.02, initial_const=1.0
        ),
        "HopSkipJump": lambda: fb.HopSkipJumpAttack(
            init_attack=start,
            steps=steps or 10,
            max_gradient_eval_steps=1000,
            constraint="l2" if norm == "l2" else "linf",
        ),
        "Boundary": lambda: fb.BoundaryAttack(init_attack=start, steps=steps or 500, tensorboard=False),
    }
    return _foolbox(makers[name](), None, target)


# ---------------------------------------------------------------- Foolbox


def _foolbox_attack(name: str, norm: str, steps: int, restarts: int) -> Any:
    import foolbox.attacks as fb

    flat = norm == "linf"
    if name == "noise":
        once = fb.LinfAdditiveUniformNoiseAttack if flat else fb.L2ClippingAwareAdditiveUniformNoiseAttack
        if restarts == 1:
            return once()
        often = (
            fb.LinfRepeatedAdditiveUniformNoiseAttack
            if flat
            else fb.L2ClippingAwareRepeatedAdditiveUniformNoiseAttack
        )
        return often(repeats=restarts)  # a picture that no draw turns comes back unchanged
    if name == "FGSM":
        return fb.LinfFastGradientAttack() if flat else fb.L2FastGradientAttack()
    return (fb.LinfPGD if flat else fb.L2PGD)(rel_stepsize=0.1, steps=steps)


def _foolbox(attack: Any, epsilon: float | None, target: int | None, restarts: int = 1) -> Attack:
    """Return a function that runs a Foolbox attack; rows that it gives up on stay as they were."""

    def run(model: Attackable, x: Tensor, y: Tensor) -> Tensor:
        import foolbox

        check_labels(model, x, y)
        seen = foolbox.PyTorchModel(model, bounds=model.bounds, device=x.device)
        goal: Any = foolbox.criteria.Misclassification(y)
        if target is not None:
            goal = foolbox.criteria.TargetedMisclassification(torch.full_like(y, target))
        which = attack.repeat(restarts) if restarts > 1 and hasattr(attack, "rel_stepsize") else attack
        raw, clipped, _ = which(seen, x, goal, epsilons=epsilon)
        found = clipped if epsilon is not None else raw
        failed = ~torch.isfinite(found).flatten(1).all(1)
        return torch.where(failed.view(-1, *[1] * (x.ndim - 1)), x, found)

    return run


# ---------------------------------------------------------------- torchattacks


def _auto_attack(model: Attackable, options: dict[str, Any], steps: int) -> Any:
    """Return the four attacks of the standard AutoAttack, one after the other.

    `torchattacks.AutoAttack` gives three of them ten steps; Croce and Hein (2020) give a hundred.
    """
    import torchattacks as ta

    return ta.MultiAttack([
        ta.APGD(model, steps=steps, **options),
        ta.APGDT(model, steps=steps, n_classes=model.classes, **options),
        ta.FAB(model, steps=steps, multi_targeted=True, n_classes=model.classes, **options),
        ta.Square(model, n_queries=5000, **options),
    ])  # fmt: skip


def _torchattacks(
    name: str, options: dict[str, Any], steps: int | None, restarts: int, target: int | None
) -> Attack:
    """Return a function that runs an attack of torchattacks, which assumes ten classes unless told."""

    def run(model: Attackable, x: Tensor, y: Tensor) -> Tensor:
        import torchattacks

        check_labels(model, x, y)
        if x.ndim != 4:
            raise BadInput(
                f"attack: {name} wants (B, C, H, W), not {tuple(x.shape)}: fold time into channels"
            )
        if name == "Square":
            attack = torchattacks.Square(model, n_queries=steps or 500, n_restarts=restarts, **options)
        elif name == "AutoAttack":
            attack = _auto_attack(model, options, steps or 100)
        else:
            attack = torchattacks.APGD(model, steps=steps or 50, n_restarts=restarts, **options)
        if target is not None:
            with contextlib.redirect_stdout(io.StringIO()):  # it announces its mode
                attack.set_mode_targeted_by_function(lambda _, labels: torch.full_like(labels, target))
        return attack(x, y).detach()

    return run
