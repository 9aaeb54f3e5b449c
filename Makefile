# Everything that is done more than once, by name. `make` alone lists it.
# All of it happens in the virtual environment .venv, made on the first call; nothing is installed outside.

PYTHON ?= python3
N ?=
DEMO_SECONDS ?=
REPLAY ?=
PYTEST ?=
WORKERS ?= auto
BENCH ?=
FROM ?=
MINUTES ?=
KIT ?=

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python

# A kit, from which pip installs without internet: named by WORKSHOP_KIT, around this folder, or beside it (as in broker/kit.py).
WORKSHOP_KIT ?= $(patsubst %/kit.sha256,%,$(firstword $(wildcard ../kit.sha256 ../workshop-kit/kit.sha256)))
FROM_KIT := $(filter-out none,$(WORKSHOP_KIT))
ifneq ($(FROM_KIT),)
PIP_FROM_KIT := --no-index --find-links "$(FROM_KIT:/=)/wheels/index.html" $(if $(filter http:%,$(FROM_KIT)),--trusted-host $(word 2,$(subst /, ,$(FROM_KIT))))
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:  ## this list
	@echo 'make ...'
	@sed -n 's/^\([a-z-]*\):[^#]*## */  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: demo
demo: $(VENV)/learner  ## the whole walkthrough in one run (DEMO_SECONDS=8 for a short one, REPLAY=file for a real chat log)
	@$(RUN) -m demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS)) $(if $(REPLAY),--replay "$(REPLAY)")

.PHONY: broker
broker: $(VENV)/learner  ## a real Kafka on localhost:9092, until Ctrl-C
	@$(RUN) -m broker

.PHONY: room
room: $(VENV)/room  ## the chat room as a web page
	@$(RUN) -m room

.PHONY: exercise
exercise: $(if $(N),$(VENV)/exercise)  ## one exercise of the workshop, checked: make exercise N=5 (without N: the list)
	@$(if $(N),$(RUN),$(PYTHON)) -m exercises $(N)

.PHONY: test
test: $(VENV)/dev browser  ## every test but the torture, several at once (PYTEST='-k readme --kafka=embedded' hands on options)
	@$(RUN) -m pytest -n $(WORKERS) $(PYTEST)

.PHONY: check
check: lint types  ## while working: lint, types, and the tests that need no Kafka, no browser and no Docker
	@$(RUN) -m pytest -n $(WORKERS) -q -m 'not (kafka or broker or browser or docker or slow or torture)' $(PYTEST)

.PHONY: torture
torture: $(VENV)/dev  ## the long tests, one after another: brokers killed, paused and cut off under load
	@$(RUN) -m pytest -m torture --timeout 900 $(PYTEST)

.PHONY: soak
soak: $(VENV)/dev  ## half an hour of restarts, kills, deleted records and wrong clocks: every alert exact, memory flat (MINUTES=2 for a short one)
	@$(RUN) -W ignore -m tests.soak $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: newest
newest: $(VENV)/dev  ## the client tests on the newest kafka-python, pre-releases included; reports only (FROM=folder: its sources)
	@$(RUN) -m tests.support.newest $(FROM)

.PHONY: lint
lint: $(VENV)/dev  ## style: says what is wrong, changes nothing
	@$(RUN) -m ruff format --check --diff .
	@$(RUN) -m ruff check .

.PHONY: format
format: $(VENV)/dev  ## style: mends what can be mended
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

.PHONY: types
types: $(VENV)/dev  ## mypy, strict
	@$(RUN) -m mypy

.PHONY: kit
kit: $(VENV)/exercise  ## for a class without internet: all that is downloaded, for every system, in a folder and a zip (KIT=folder; else ../workshop-kit)
	@$(RUN) -m broker.kit_maker $(if $(KIT),"$(KIT)")

.PHONY: notebook
notebook: $(VENV)/dev  ## docs/walkthrough.ipynb, the README as a notebook
	@$(RUN) -m tests.support.notebook

.PHONY: bench
bench: $(VENV)/bench  ## what a message costs, here and with other clients (BENCH=--quick for a smoke run)
	@$(RUN) -m bench $(BENCH)

.PHONY: browser
browser:
	@command -v chromium chromium-browser google-chrome chrome >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1 || { \
	  echo 'The tests of the web page need Chromium and its driver, and will be skipped. On Debian or Ubuntu:'; \
	  echo '    sudo apt-get install chromium chromium-driver'; }

.PHONY: constraints
constraints: $(VENV)/dev  ## pin the newest versions that the requirements allow, for all platforms
	@{ echo '# The exact versions that were tested, for all platforms. Made by `make constraints`; do not edit.'; \
	   cat requirements*.txt exercises/requirements.txt $(wildcard bench/requirements.txt) | grep -v '^-' | \
	   $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header -; } > constraints.new
	@mv constraints.new constraints.txt
	@{ echo '# The same versions of what a kit has (`make kit`), with the SHA-256 of their files. Made by `make constraints`.'; \
	   cat requirements.txt requirements-room.txt exercises/requirements.txt | grep -v '^-' | \
	   $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --generate-hashes \
	   -c constraints.txt -; } > constraints.new
	@mv constraints.new broker/constraints-hashed.txt
	@git --no-pager diff --stat constraints.txt

.PHONY: clean
clean:  ## removes what can be made again (.env and .kafka/ stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache constraints.new
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environment. A stamp file that is older than its requirements is made again.

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Python 3.11 or newer is needed, and $(PYTHON) is not. Try: make $(MAKECMDGOALS) PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo 'This Python lacks its venv module. On Debian or Ubuntu: sudo apt-get install python3-venv'; exit 1; }
	@echo 'Making the virtual environment $(VENV) ...'
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'The virtual environment $(VENV) is there, and its Python is older than 3.11. Remove it: rm -r $(VENV)'; exit 1; }
	@touch $@

install = @echo 'Installing $(1) ...' && $(RUN) -m pip install --quiet --disable-pip-version-check -r $(1) && touch $@
ifeq ($(FROM_KIT),)
install-kit = $(install)
else
install-kit = @echo 'Installing $(1) from the kit $(FROM_KIT) ...' && \
  { $(RUN) -m pip install --quiet --disable-pip-version-check $(PIP_FROM_KIT) -r $(1) || { \
    echo 'The kit $(FROM_KIT) could not be used: the lines above say why. If they speak of hashes, a file of it is'; \
    echo 'damaged: copy it again. With internet, it goes without the kit: make $(MAKECMDGOALS) WORKSHOP_KIT=none'; exit 1; }; } && touch $@
endif

$(VENV)/learner: requirements.txt constraints.txt | $(VENV)/made
	$(call install-kit,requirements.txt)

$(VENV)/room: requirements-room.txt $(VENV)/learner
	$(call install-kit,requirements-room.txt)

$(VENV)/exercise: exercises/requirements.txt $(VENV)/learner
	$(call install-kit,exercises/requirements.txt)

$(VENV)/dev: requirements-dev.txt $(VENV)/exercise $(VENV)/room
	$(call install,requirements-dev.txt)

$(VENV)/bench: bench/requirements.txt $(VENV)/learner
	$(call install,bench/requirements.txt)
