# Two commands for a newcomer, `make demo` and `make test`; each sets up its own virtual environment first.

PYTHON ?= $(shell for p in python3.11 python3.13 python3.12 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
OUT ?= out
CONFORMANCE := tests/conformance tests/reporting/test_page.py

.PHONY: demo test test-slow test-offline conformance fuzz lint speed clean

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py --out $(OUT)

# A test that times out ends its worker; a new one in its place would wait for ever.
test: $(VENV)/.test lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup --max-worker-restart 0

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

# Linux: no network but this machine's own address.
test-offline: $(VENV)/.test
	$(BIN)/python tests/offline.py $(BIN)/python -m pytest -n 2 --dist loadgroup --max-worker-restart 0

# What is promised, tried: the fast tests, the slow ones (hours), and the page that says what came of them.
conformance: $(VENV)/.test
	-$(BIN)/python -m pytest $(CONFORMANCE) -n 2 --dist loadgroup --junitxml=$(OUT)/conformance-fast.xml
	-$(BIN)/python -m pytest $(CONFORMANCE) -m slow --junitxml=$(OUT)/conformance-slow.xml
	$(BIN)/python tests/conformance/results.py $(OUT)/conformance-fast.xml $(OUT)/conformance-slow.xml

fuzz: $(VENV)/.test
	$(BIN)/python -m pip --disable-pip-version-check install -q atheris
	$(BIN)/python -m pytest tests/conformance/test_F8_fuzz.py -m slow

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

speed: $(VENV)/.test
	$(BIN)/python -m sepdiar.evaluation.speed --minutes 1 10 60 --words-minutes 1 --batch 4 10 2 --out eval/speed

clean:
	rm -rf $(VENV) $(OUT)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "sepdiar needs Python 3.11, 3.12 or 3.13 with venv (Debian, Ubuntu: apt install python3-venv)"; exit 3; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[score]'
	@$(PIP) -e '.[wer]' 2>$(VENV)/wer.log || { echo "note: words will not be scored, because meeteval could not be compiled"; \
		echo "      (Debian, Ubuntu: apt install g++ python3-dev; macOS: xcode-select --install; then make clean); see $(VENV)/wer.log"; }
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) -e '.[score,dev]'
	@touch $@
