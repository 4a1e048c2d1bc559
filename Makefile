# Thin names for what Python does, the same on every system. Windows without make: see README.md.
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

.PHONY: course test site notebooks run check lint bench clean

course: .venv/course
	$(BIN)/python -m lessonkit course

# One room only: make test ROOM=data
test: .venv/test
	$(BIN)/python -m pytest $(addprefix tests/,$(ROOM))

site notebooks run check: .venv/course
	$(BIN)/python -m lessonkit $@

lint: .venv/test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m lessonkit check

bench: .venv/bench
	$(BIN)/python -m lessonkit bench $(NAME)

clean:
	rm -rf build .venv

# A set of packages is installed again only when its pins change.
.venv/%: pyproject.toml
	@echo "Installing into .venv; the first time this takes a few minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	@echo installed > $@
