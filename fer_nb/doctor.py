"""What is installed, cached and missing: `fer-nb doctor`."""

from __future__ import annotations

import platform
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .cache import cache_dir
from .errors import FerError

PYTHONS = ((3, 11), (3, 12))
BRANCHES = ("temporal", "spatial")


@dataclass(frozen=True)
class Package:
    """A library: the installed version (None: missing) and the one that is asked for."""

    name: str
    installed: str | None
    wanted: str
    ok: bool


@dataclass(frozen=True)
class Group:
    """An optional group of libraries: what of it is missing, and the command that installs it."""

    name: str
    missing: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Weights:
    """Shipped weights: the data version on their card, whether they load, and what is wrong with them."""

    name: str
    data_version: str | None
    usable: bool
    problem: str | None


@dataclass(frozen=True)
class Examination:
    """All that the doctor looked at."""

    python: str
    python_ok: bool
    platform: str
    packages: tuple[Package, ...]
    groups: tuple[Group, ...]
    weights: tuple[Weights, ...]
    data_version: str
    cache: Mapping[str, Any]
    face_finder: str | None  # None: it works; else what is wrong
    devices: tuple[str, ...]
    fusion: str | None = None  # None: its constants are read; else what is wrong

    @property
    def can_predict(self) -> bool:
        """Whether `fer-nb predict` can run; a version that differs only warns."""
        installed = all(package.installed for package in self.packages)
        usable = {weights.name for weights in self.weights if weights.usable}
        parts = self.face_finder is None and self.fusion is None
        return self.python_ok and installed and parts and usable >= set(BRANCHES)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "can_predict": self.can_predict}


def examine() -> Examination:
    """Look at everything that `predict` needs.

    Returns
    -------
    Examination
        Nothing is raised: what is broken is said.
    """
    core, groups = requirements()
    packages = tuple(_package(name, wanted) for name, wanted in core.items())
    complete = all(package.installed for package in packages)
    return Examination(
        python=platform.python_version(),
        python_ok=sys.version_info[:2] in PYTHONS,
        platform=f"{platform.system()} {platform.machine()}",
        packages=packages,
        groups=tuple(_group(name, wanted) for name, wanted in groups.items()),
        weights=tuple(_weights(name) for name in BRANCHES) if complete else (),
        data_version=_data_version(),
        cache=look_at_cache(cache_dir()),
        face_finder=_face_finder(),
        devices=_devices(),
        fusion=_fusion() if complete else None,
    )


def requirements() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return the libraries that are asked for, core and by optional group: name to version specifier.

    They are read from the installed package, or from `pyproject.toml` where it runs from a clone.

    Examples
    --------
    >>> core, groups = requirements()
    >>> core["mediapipe"], sorted(groups)
    ('==0.10.21', ['book', 'dev', 'lab'])
    """
    from packaging.requirements import Requirement

    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():
        table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        lines: list[tuple[str, str]] = [("", line) for line in table["dependencies"]]
        lines += [(g, line) for g, some in table["optional-dependencies"].items() for line in some]
    else:
        lines = []
        for line in metadata.requires("fer_nb") or []:
            marker = str(Requirement(line).marker or "")
            lines.append((marker.split("extra == ")[-1].strip("\"'") if "extra" in marker else "", line))
    core: dict[str, str] = {}
    groups: dict[str, dict[str, str]] = {}
    for group, line in lines:
        one = Requirement(line)
        if one.name.replace("-", "_") != "fer_nb":  # a group that includes another
            (groups.setdefault(group, {}) if group else core)[one.name] = str(one.specifier)
    return core, groups


def _package(name: str, wanted: str) -> Package:
    from packaging.specifiers import SpecifierSet

    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Package(name, None, wanted, False)
    return Package(name, installed, wanted, SpecifierSet(wanted).contains(installed, prereleases=True))


def _group(name: str, wanted: Mapping[str, str]) -> Group:
    missing = tuple(one for one, version in wanted.items() if _package(one, version).installed is None)
    in_clone = (Path(__file__).resolve().parent.parent / "Makefile").is_file()
    return Group(name, missing, "make env" if in_clone else f'pip install "fer_nb[{name}]"')


def _data_version() -> str:
    from .mime import VERSION

    return VERSION


def _weights(name: str) -> Weights:
    """Load one branch as `predict` does, and say how that went."""
    from importlib import import_module

    from . import checkpoints

    version: str | None = None
    try:
        version = checkpoints.read_card(name).data_version
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import_module(f".{name}", __package__).load(data_version=_data_version(), device="cpu")
    except (FerError, ImportError) as error:
        return Weights(name, version, False, _one_line(error))
    return Weights(name, version, True, _one_line(caught[0].message) if caught else None)


def _fusion() -> str | None:
    """Read the constants of the shipped fusion; return what is wrong with them, if anything."""
    from .fusion_settings import shipped_settings

    try:
        shipped_settings()
    except FerError as error:
        return _one_line(error)
    return None


def look_at_cache(folder: Path) -> dict[str, Any]:
    """Return what the cache holds, files and bytes by data set and block, and whether it can be written.

    Examples
    --------
    >>> look_at_cache(Path("no-such-folder"))["files"]
    0
    """
    blocks: dict[str, dict[str, int]] = {}
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_file():
            name = "/".join(path.relative_to(folder).parts[:-1][:2]) or "."
            entry = blocks.setdefault(name, {"files": 0, "bytes": 0})
            entry["files"] += 1
            entry["bytes"] += path.stat().st_size
    return {
        "folder": str(folder),
        "writable": _writable(folder),
        "files": sum(entry["files"] for entry in blocks.values()),
        "bytes": sum(entry["bytes"] for entry in blocks.values()),
        "blocks": dict(sorted(blocks.items())),
    }


def _writable(folder: Path) -> bool:
    """Try to write into a folder, or into the nearest one above it that exists; leave nothing behind."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _face_finder() -> str | None:
    """Look for the face in a synthetic picture; return None when it is found, else what is wrong."""
    try:
        from . import mime
        from .landmarks import detect_still, found

        image = mime.face(0, {}, size=256)
        return None if bool(found(detect_still(image)[None])[0]) else "no face found in a picture of one"
    except Exception as error:  # a broken library can raise anything, and the doctor must not fall ill
        return _one_line(error)


def _devices() -> tuple[str, ...]:
    try:
        import torch
    except Exception:  # as above
        return ()
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def as_text(found: Examination) -> str:
    """Return an examination for the eye; each problem stands with its remedy."""
    lines = [f"{_tick(found.python_ok)} Python {found.python} on {found.platform} (3.11 or 3.12 is needed)"]
    for p in found.packages:
        remedy = "" if p.ok else " : install it again from requirements.lock"
        lines.append(f"{_tick(p.ok)} {p.name} {p.installed or 'missing'} (wanted {p.wanted}){remedy}")
    lines.append(f"{_tick(found.face_finder is None)} face finder: {found.face_finder or 'works'}")
    for w in found.weights:
        good = w.usable and w.problem is None
        lines.append(f"{_tick(good)} weights {w.name}, data {w.data_version}: {w.problem or 'load'}")
    lines.append(f"{_tick(found.fusion is None)} fusion: {found.fusion or 'its constants load'}")
    lines.append(
        f"     devices: {', '.join(found.devices) or 'none'}; data version in force: {found.data_version}"
    )
    c = found.cache
    trouble = "" if c["writable"] else " : cannot be written, set FER_NB_CACHE to another folder"
    lines.append(
        f"{_tick(c['writable'])} cache {c['folder']}: {c['files']} files, {c['bytes'] / 1e6:.1f} MB{trouble}"
    )
    lines += [
        f"       {name}: {e['files']} files, {e['bytes'] / 1e6:.1f} MB" for name, e in c["blocks"].items()
    ]
    for g in found.groups:
        state = f"missing {', '.join(g.missing)} : {g.command}" if g.missing else "complete"
        lines.append(f"     optional group {g.name}: {state}")
    lines.append(
        "predict can run"
        if found.can_predict
        else "predict cannot run: see the lines that begin with a cross"
    )
    return "\n".join(lines)


def _tick(good: bool) -> str:
    return "ok  " if good else "x   "
