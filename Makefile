# make demo [MUSIC=folder]   set everything up and run the main job
# make test                  set everything up and pass the tests
# make lint                  ruff, mypy and who may import whom
# make programs              the players and the browser that some tests drive (Debian's packages; asks for sudo)

PYTHON ?= python3
VENV := .venv
DEMO_VENV := .venv-demo
REQUIREMENTS := pyproject.toml setup.cfg constraints.txt
PIP := -m pip --disable-pip-version-check --quiet

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: demo test lint programs clean
.DELETE_ON_ERROR:

demo: $(DEMO_VENV)/.installed
	$(DEMO_VENV)/bin/python -m tests.demo --out demo $(if $(MUSIC),--music "$(MUSIC)")

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -n logical --dist loadfile $(ARGS)

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

programs:
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y -qq --no-install-recommends chromium chromium-driver mpd mpc mpv vlc-bin vlc-plugin-base

# Editable, so that a venv stays right while the code changes, and is made anew only when the requirements do.
$(DEMO_VENV)/.installed: $(REQUIREMENTS)
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/python $(PIP) install -e .
	touch $@

$(VENV)/.installed: $(REQUIREMENTS)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) install -c constraints.txt -e '.[train,dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO_VENV) demo build *.egg-info .pytest_cache .ruff_cache .mypy_cache
