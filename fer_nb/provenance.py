"""Provenance: which code, versions and command stood behind a number."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

PACKAGES = ("numpy", "torch", "torchvision", "mediapipe", "opencv-contrib-python-headless", "scikit-learn")


@functools.cache
def code_hash() -> str:
    """Return 16 hex digits over the package's Python files and the lock: equal code, equal hash.

    Examples
    --------
    >>> len(code_hash())
    16
    """
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda p: p.relative_to(package).as_posix()):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    lock = package.parent / "requirements.lock"
    digest.update(lock.read_bytes().replace(b"\r\n", b"\n") if lock.is_file() else b"")
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions that can move a number: Python, platform and the main packages."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def command_line() -> str:
    """Return the command that is running, without machine paths."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name:
        name = f"python -m {spec.name.removesuffix('.__main__')}"
    else:
        name = Path(sys.argv[0] or "python").name
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return " ".join([name, *words])


def commit() -> str | None:
    """Return the commit of the clone that holds the package, 12 digits; None outside of a clone."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).resolve().parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
