# make demo [MUSIC=folder]   set everything up and run the main job
# make test                  set everything up and pass the tests
# make test-training         those that train networks, which take two minutes more
# make test-catalogue        those of musrec_core.catalogue, with Ray and Lance, which take two minutes more
# make quick                 the same without those marked slow
# make lint                  ruff, mypy and who may import whom
# make wheel                 dist/*.whl
# make release-check         what is published, from the last commit: builds dist/ twice, and uses it as a user would
# make targets               for which systems and Pythons there are wheels of everything needed, as a table
# make test-lowest           core tests with the lowest versions that pyproject.toml allows
# make programs              the players and the browser that some tests drive (Debian's packages; asks for sudo)
#
# PYTHON=python3.10          another Python
# BEETS=2.7.0                make test with this beets (or: newest), in a virtual environment of its own
# EXTRAS=dev                 without what training needs (torch); then ARGS="tests/core tests/plugin"
# WITHOUT=ncnn               without this package, in a virtual environment of its own; EXTRAS=dev,onnx for ONNX Runtime
#
# On Windows: in Git's bash, with GNU make.

PYTHON ?= python3
EXTRAS ?= train,dev
VENV := .venv$(if $(BEETS),-beets-$(BEETS)-$(notdir $(PYTHON)))$(if $(WITHOUT),-without-$(WITHOUT)-$(EXTRAS)-$(notdir $(PYTHON)))
DEMO_VENV := .venv-demo
LOWEST_VENV := .venv-lowest-$(notdir $(PYTHON))
RELEASE_VENV := .venv-release
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
REQUIREMENTS := pyproject.toml setup.cfg constraints.txt
PIP := -m pip --disable-pip-version-check --quiet

# Some tests wait for processes and clocks: one tester more than there are cores keeps these busy.
TESTERS = $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 1)")

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: demo test test-training test-catalogue quick lint wheel release-check targets test-lowest programs clean
.DELETE_ON_ERROR:

demo: $(DEMO_VENV)/.installed
	$(DEMO_VENV)/$(BIN)/python -m tests.demo --out demo $(if $(MUSIC),--music "$(MUSIC)")

test: $(VENV)/.installed
	PYTHONDONTWRITEBYTECODE= $(VENV)/$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal -m "not trains and not catalogue" $(ARGS)

test-training:
	$(MAKE) test ARGS='-m trains $(ARGS)'

test-catalogue: $(VENV)/.installed-catalogue
	PYTHONDONTWRITEBYTECODE= $(VENV)/$(BIN)/python -m pytest -n 2 --dist worksteal -m catalogue tests/core/catalogue tests/benchmarks $(ARGS)

quick:
	$(MAKE) test ARGS='-m "not slow and not catalogue" $(ARGS)'

lint: $(VENV)/.installed
	$(VENV)/$(BIN)/ruff check .
	$(VENV)/$(BIN)/ruff format --check .
	$(VENV)/$(BIN)/mypy
	$(VENV)/$(BIN)/lint-imports

# What an earlier build left in build/ would be packed again.
wheel:
	rm -rf build dist
	$(PYTHON) $(PIP) wheel --no-deps --wheel-dir dist .

release-check: $(RELEASE_VENV)/.installed
	$(RELEASE_VENV)/$(BIN)/python -m release.check

targets: $(RELEASE_VENV)/.installed
	$(RELEASE_VENV)/$(BIN)/python -m release.targets $(ARGS)

test-lowest: $(LOWEST_VENV)/.installed
	$(LOWEST_VENV)/$(BIN)/python -m pytest -n logical --dist worksteal $(or $(ARGS),tests/core)

programs:
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y -qq --no-install-recommends chromium chromium-driver mpd mpc mpv vlc-bin vlc-plugin-base

# Editable, so that a venv stays right while the code changes, and is made anew only when the requirements do.
$(DEMO_VENV)/.installed: $(REQUIREMENTS)
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/$(BIN)/python $(PIP) install -e .
	touch $@

$(VENV)/.installed: $(REQUIREMENTS)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/$(BIN)/python $(PIP) install -c constraints.txt -e '.[$(EXTRAS)]' $(if $(BEETS),$(if $(filter newest,$(BEETS)),beets,beets==$(BEETS)))
	$(if $(WITHOUT),$(VENV)/$(BIN)/python $(PIP) uninstall --yes $(WITHOUT))
	touch $@

$(VENV)/.installed-catalogue: $(VENV)/.installed
	$(VENV)/$(BIN)/python $(PIP) install -c constraints.txt -e '.[$(EXTRAS),catalogue,dev-catalogue]'
	touch $@

$(LOWEST_VENV)/.installed: $(REQUIREMENTS) release/lowest.py
	$(PYTHON) -m venv $(LOWEST_VENV)
	$(LOWEST_VENV)/$(BIN)/python $(PIP) install packaging 'tomli; python_version < "3.11"'
	$(LOWEST_VENV)/$(BIN)/python -m release.lowest > $(LOWEST_VENV)/requirements.txt
	$(LOWEST_VENV)/$(BIN)/python $(PIP) install -r $(LOWEST_VENV)/requirements.txt -e '.[dev]'
	touch $@

$(RELEASE_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(RELEASE_VENV)
	$(RELEASE_VENV)/$(BIN)/python $(PIP) install --upgrade pip
	$(RELEASE_VENV)/$(BIN)/python $(PIP) install --group release
	touch $@

clean:
	rm -rf $(VENV) .venv-beets-* .venv-without-* .venv-lowest-* $(DEMO_VENV) $(RELEASE_VENV) demo build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
