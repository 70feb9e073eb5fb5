# make run · make sandbox · make test · make check · make bench · make clean
# Each installs what it needs first; nothing but Python 3.11+ and make has to be there.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run sandbox test check format bench clean engine browser axe

run: .venv/for-run engine
	@exec $(BIN)/python manage.py demo

sandbox: .venv/for-sandbox engine
	@exec $(BIN)/python -m gtsite.sandbox --dir .sandbox $(ARGS)

test: .venv/for-tests engine browser axe
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: .venv/for-tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports

format: .venv/for-tests
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/for-tests engine
	@$(BIN)/python -m benchmarks

clean:
	rm -rf .venv node_modules .sandbox staticfiles .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Meridian needs Python 3.11 or newer: set PYTHON=/path/to/python3."; exit 1; }
	@echo "Making .venv …"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Python's venv module does not work here: on Debian, install python3-venv."; exit 1; }

.venv/for-sandbox: .venv/bin/python requirements-sandbox.txt
	@echo "Installing the sandbox …"
	@$(PIP) -r requirements-sandbox.txt
	@touch $@

.venv/for-run: .venv/bin/python requirements.txt requirements-sandbox.txt
	@echo "Installing the site and the sandbox …"
	@$(PIP) -r requirements.txt -r requirements-sandbox.txt
	@touch $@ .venv/for-sandbox

.venv/for-tests: .venv/bin/python requirements.txt requirements-sandbox.txt requirements-dev.txt
	@echo "Installing the site, the sandbox and the tests …"
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/for-run .venv/for-sandbox

# The storage engine comes from npm. Without it the sandbox uses moto, which forgets when it stops.
engine: | .venv/bin/python
	@bin/get-engine

browser: | .venv/for-tests
	@bin/get-browser

axe:
	@bin/get-axe
