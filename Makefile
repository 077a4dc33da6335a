# The two commands are `make book` and `make test`. Both make the environment first when it is missing or old.
#
# Nothing here names a package registry: pip and uv use whatever the machine is set up with
# (pip's own configuration for pip; UV_DEFAULT_INDEX, UV_INDEX or uv.toml for uv).

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
TOOLS := .tools
PY := $(VENV)/bin/python
UV := $(TOOLS)/bin/uv
STAMP := $(VENV)/.made-from-lock
JOBS ?= 2
INSTALLER ?= uv

# No other environment takes part, even when one is active.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX
unexport UV_PROJECT_ENVIRONMENT UV_PYTHON UV_SYSTEM_PYTHON

# The first interpreter that is 3.11 or 3.12 and can make environments; PYTHON=... names another.
define FIND_PYTHON
base=; half=; for name in $${PYTHON:-python3.11 python3.12 python3 python}; do \
  found=$$("$$name" -c 'import sys; sys.version_info[:2] in ((3, 11), (3, 12)) and print(sys.executable)' 2>/dev/null) || continue; \
  test -n "$$found" || continue; \
  if "$$found" -c 'import ensurepip, venv' 2>/dev/null; then base="$$found"; break; fi; \
  half="$$found"; \
done; \
if test -z "$$base" && test -n "$$half"; then \
  echo "error: $$half cannot make environments. On Debian or Ubuntu: apt-get install python3-venv (or python3.11-venv, python3.12-venv)." >&2; exit 1; \
fi; \
if test -z "$$base"; then \
  echo "error: no Python 3.11 or 3.12 found$${PYTHON:+ as $$PYTHON} (MediaPipe 0.10.21 has no build for 3.13, and 3.10 is too old). Install one, or say where it is: make env PYTHON=/path/to/python3.12" >&2; exit 1; \
fi
endef
export PYTHON

define UV_HELP
hint: uv reads UV_DEFAULT_INDEX and uv.toml, not pip's configuration, and takes the system's certificates only with
UV_SYSTEM_CERTS=1. Where pip works and uv does not: make env INSTALLER=pip
endef
export UV_HELP

.PHONY: help env book test lab results lock format clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(STAMP) ## make .venv from the lock (first time: about 3.5 GB to download)

$(STAMP): requirements.lock pyproject.toml
	@$(MAKE) --no-print-directory .env-$(INSTALLER)
	@touch $@

# The environment by uv, which itself is installed at the version and hash that the lock gives.
.PHONY: .env-uv .env-pip
.env-uv: $(UV)
	@$(FIND_PYTHON); \
	if ! $(PY) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
	  $(UV) venv --quiet --clear --no-python-downloads --python "$$base" $(VENV); \
	fi
	$(UV) pip sync --python $(PY) --require-hashes requirements.lock || { echo "$$UV_HELP" >&2; exit 1; }
	$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .

# The same by pip alone, where uv cannot be used: make env INSTALLER=pip
.env-pip:
	@$(FIND_PYTHON); "$$base" -m venv --clear $(VENV)
	$(PY) -m pip install --no-deps --require-hashes -r requirements.lock
	$(PY) -m pip install --no-deps --no-build-isolation --editable .

$(UV): requirements.lock
	@awk '/^[^ #]/ {inside = /^uv==/} inside' requirements.lock > .uv-wanted
	@if cmp -s .uv-wanted $(TOOLS)/uv.txt; then rm .uv-wanted; else \
	  $(FIND_PYTHON); \
	  "$$base" -m venv --clear $(TOOLS) && mv .uv-wanted $(TOOLS)/uv.wanted && \
	  $(TOOLS)/bin/python -m pip install --quiet --no-deps --require-hashes -r $(TOOLS)/uv.wanted && \
	  mv $(TOOLS)/uv.wanted $(TOOLS)/uv.txt; \
	fi
	@touch $@

book: env ## build the book into _build/html
	$(PY) -m tools.build

# Cheap checks first. Notebooks run once, here; the book is built from that run; the built pages are tested last.
test: env ## style, types, unit tests, examples, notebooks, the built book
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy fer_nb
	$(PY) -m pytest tests --ignore=tests/book -n $(JOBS) -q
	$(PY) -m pytest --doctest-modules fer_nb -q
	$(PY) -m tools.execute --pytest
	$(PY) -m tools.build
	$(PY) -m pytest tests/book -q

lab: env ## open the notebooks in JupyterLab
	$(PY) -m jupyterlab --ServerApp.root_dir=$(CURDIR) --LabApp.default_url=/lab/tree/notebooks

results: env ## remake every checkpoint and record from nothing (hours; picks up where it stopped)
	$(PY) -m fer_nb.experiments.all

lock: $(UV) ## resolve the versions again and write requirements.lock and environment.yml
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --override overrides.txt --extra dev pyproject.toml --output-file requirements.lock --quiet \
	  --custom-compile-command "make lock"
	$(MAKE) --no-print-directory env
	$(PY) -m tools.conda > environment.yml.new && mv environment.yml.new environment.yml

format: env ## sort imports, mend what ruff can mend, format, strip notebook outputs
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(PY) -m nbstripout --keep-id $(wildcard notebooks/*.ipynb)

clean: ## remove what was built, keep the environment and the cache of faces
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis .jupyter_cache build dist
	find . -name __pycache__ -not -path "./$(VENV)/*" -not -path "./$(TOOLS)/*" -prune -exec rm -rf {} +

distclean: clean ## remove the environment as well
	rm -rf $(VENV) $(TOOLS)
