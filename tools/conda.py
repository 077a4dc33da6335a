"""Write environment.yml (to standard output) from requirements.lock: the same versions, for conda."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"

HEAD = """\
# For conda, mamba or micromamba. NOT RUN: conda channels were out of reach where this project is built.
# Every version equals requirements.lock (a test holds that); `make lock` writes this file.
#
#   PIP_NO_DEPS=1 conda env create -f environment.yml && conda activate fer_nb
#
# PIP_NO_DEPS=1 keeps out what overrides.txt keeps out of the lock
# (jax, triton, sounddevice, the OpenCV that needs a display).
name: fer_nb
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def locked(text: str) -> list[Requirement]:
    """The requirements of a lock file, without hashes, without those that are installed nowhere."""
    lines = (line.rstrip(" \\") for line in text.splitlines() if line[:1].isalnum())
    return [
        requirement for requirement in map(Requirement, lines) if "never" not in str(requirement.marker or "")
    ]


def environment(text: str) -> str:
    """The text of environment.yml for the text of a lock file."""
    pins = [f'      - "{str(requirement).replace(chr(34), chr(39))}"' for requirement in locked(text)]
    return HEAD + "\n".join([*pins, '      - "--editable ."']) + "\n"


if __name__ == "__main__":
    print(environment(LOCK.read_text(encoding="utf-8")), end="")
