"""Records: every number that the book prints, with its interval, its provenance and its target.

A record is one JSON file in `results/`. Commands write records; pages and tests read them. A claim is
a comparison between records, such as `"mime.identity_top1 > mime.style_identity_top1"`.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime
import json
import math
import operator
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cache import atomic_write
from .errors import BadInput
from .provenance import code_hash, command_line, commit, versions

ID = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
NUMBERS = ("low", "high", "n", "target", "seconds")  # fields that `<id>.<field>` can name


@dataclass(frozen=True, kw_only=True)
class Record:
    """One measured value and everything needed to judge it and to measure it again.

    `low` and `high` bound the interval of the value, `n` is what it was measured on (people, clips,
    frames: the note says which). `direction` is "up" when more is better and "down" when less is;
    `target` is then the bound to reach. Without a direction a target is a pair, a range to fall into.

    Examples
    --------
    >>> Record(id="toy.accuracy", value=0.91, direction="up", target=0.85).met
    True
    >>> Record(id="toy.accuracy", value=0.95, target=(0.80, 0.92)).met
    False
    """

    id: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    per_seed: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    direction: str | None = None
    target: float | tuple[float, float] | None = None
    dataset: str | None = None
    data_version: str | None = None
    split: str | None = None
    command: str = ""
    code: str = ""
    device: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    flags: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise BadInput(f"record id {self.id!r}: use two or more lower-case words joined by dots")
        if not math.isfinite(self.value):
            raise BadInput(f"record {self.id}: the value is {self.value}, a record needs a finite number")
        if self.direction not in ("up", "down", None):
            raise BadInput(f"record {self.id}: direction {self.direction!r} must be 'up', 'down' or None")
        if self.target is not None and isinstance(self.target, tuple) != (self.direction is None):
            raise BadInput(f"record {self.id}: a target is one number with a direction, or a pair without")

    @property
    def met(self) -> bool | None:
        """Whether the value reaches its target; None when there is no target."""
        if self.target is None:
            return None
        if isinstance(self.target, tuple):
            return self.target[0] <= self.value <= self.target[1]
        return self.value >= self.target if self.direction == "up" else self.value <= self.target

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, as they stand in the file."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain["versions"] = dict(self.versions)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Record:
        """Build a record from plain values; unknown fields are an error.

        Raises
        ------
        BadInput
            If a field is unknown, missing or cannot be used.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - known):
            raise BadInput(f"record {fields.get('id', '?')}: unknown field {unknown[0]!r}, remove it")
        if missing := sorted({"id", "value"} - set(fields)):
            raise BadInput(f"record {fields.get('id', '?')}: field {missing[0]!r} is missing")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return cls(**values)


# ---------------------------------------------------------------- where records live


def root() -> Path:
    """Return the project's folder: the first one, going up from here and then from the package, that
    holds `pyproject.toml` and `fer_nb/`.

    Raises
    ------
    BadInput
        If there is none, as when the package was installed without the project.
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "pyproject.toml").is_file() and (folder / "fer_nb" / "__init__.py").is_file():
                return folder
    raise BadInput("no project folder here: run this inside a clone, or set FER_NB_RESULTS")


def folder() -> Path:
    """Return the folder of the records: `$FER_NB_RESULTS`, or `results/` of the project."""
    if named := os.environ.get("FER_NB_RESULTS"):
        return Path(named)
    return root() / "results"


def write(record: Record) -> Path:
    """Write a record to `<folder>/<id>.json`, all of it or nothing, and return the path."""
    path = folder() / f"{record.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(path, (text + "\n").encode())
    return path


def load(id: str) -> Record:
    """Read one record.

    Raises
    ------
    BadInput
        If there is no such record or the file is damaged.
    """
    path = folder() / f"{id}.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"no record {id!r} in {path.parent.name}/: make it with `make results`") from None
    except ValueError as error:
        raise BadInput(f"{path.name}: not a record ({error}), remake it with `make results`") from None
    record = Record.from_dict(fields)
    if record.id != id:
        raise BadInput(f"{path.name}: holds the record {record.id!r}, rename the file or remake it")
    return record


def all_records() -> list[Record]:
    """Read every record, sorted by id."""
    if not folder().is_dir():
        return []
    return [load(path.name.removesuffix(".json")) for path in sorted(folder().glob("*.json"))]


# ---------------------------------------------------------------- making records


def record(id: str, value: float, **fields: Any) -> Record:
    """Make a record and fill in what the machine knows: code, versions, device, command.

    Examples
    --------
    >>> toy = record("toy.accuracy", 0.91, n=100, low=0.84, high=0.95, command="make toy")
    >>> toy.n, toy.device, len(toy.code)
    (100, 'cpu', 16)
    """
    known: dict[str, Any] = {
        "code": code_hash(),
        "versions": versions(),
        "device": "cpu",
        "command": command_line(),
    }
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return Record(id=id, value=float(value), **{**known, **given})


def log_look(judge: str, n: int, value: float) -> None:
    """Append one use of an outside judge to `looks.jsonl`, so that every look is counted."""
    look = {
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit(),
        "code": code_hash(),
        "judge": judge,
        "n": int(n),
        "value": float(value),
    }
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "looks.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(look) + "\n")


def looks() -> list[dict[str, Any]]:
    """Return all logged looks, oldest first."""
    path = folder() / "looks.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


# ---------------------------------------------------------------- claims

Operation = Callable[[Any, Any], Any]
COMPARE: dict[type[ast.AST], Operation] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
ARITHMETIC: dict[type[ast.AST], Operation] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A comparison, whether it holds now, and the record values it stands on."""

    text: str
    holds: bool
    values: Mapping[str, float]


def number(name: str) -> float:
    """Return the value behind `<id>`, or behind `<id>.low`, `.high`, `.n`, `.target`, `.seconds`.

    Raises
    ------
    BadInput
        If there is no such record, or its field is not a number.
    """
    stem, _, last = name.rpartition(".")
    if last in NUMBERS and ID.fullmatch(stem) and not (folder() / f"{name}.json").is_file():
        value = getattr(load(stem), last)
        if not isinstance(value, int | float):
            raise BadInput(f"record {stem}: its field {last!r} is {value!r}, not a number")
        return float(value)
    return load(name).value


def check(claim: str) -> Claim:
    """Evaluate a claim: numbers, record names, + - * /, comparisons, `and`, `or`. Nothing else runs.

    Raises
    ------
    BadInput
        If the text is not such a comparison or names a record that does not exist.

    Examples
    --------
    >>> check("1 + 1 > 1.5").holds
    True
    """
    values: dict[str, float] = {}

    def walk(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body):
                return walk(body)
            case ast.BoolOp(op, parts):
                return (all if isinstance(op, ast.And) else any)([walk(part) for part in parts])
            case ast.Compare(left, ops, rights):
                terms = [walk(term) for term in (left, *rights)]
                return all(COMPARE[type(op)](*terms[k : k + 2]) for k, op in enumerate(ops))
            case ast.BinOp(left, op, right) if type(op) in ARITHMETIC:
                return ARITHMETIC[type(op)](walk(left), walk(right))
            case ast.UnaryOp(ast.USub(), operand):
                return -walk(operand)
            case ast.Constant(int() | float() as value) if not isinstance(value, bool):
                return value
            case ast.Attribute() | ast.Name():
                name = ast.unparse(node)
                values[name] = number(name)
                return values[name]
        raise BadInput(f"claim {claim!r}: only numbers, record names, + - * / and comparisons are allowed")

    try:
        answer = walk(ast.parse(claim.strip(), mode="eval"))
    except (SyntaxError, KeyError, TypeError, ZeroDivisionError):
        raise BadInput(f"claim {claim!r}: cannot be evaluated, write it like 'a.b > c.d'") from None
    if not isinstance(answer, bool):
        raise BadInput(f"claim {claim!r}: compares nothing, write it like 'a.b > c.d'")
    return Claim(claim.strip(), answer, values)


def holds(claim: str) -> bool:
    """Return whether a claim such as `"a.b > c.d"` holds for the records as they are.

    Examples
    --------
    >>> holds("0.5 < 0.9 <= 1")
    True
    """
    return check(claim).holds
