# Thin names for what Python does, the same on every system. Windows without make: see learners/setup.md.
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

.PHONY: course test site notebooks kit run check check-run lint bench lock label-server clean

course: .venv/course
	$(BIN)/python -m lessonkit course

# One room only: make test ROOM=data
test: .venv/test
	$(BIN)/python -m pytest $(addprefix tests/,$(ROOM))

site notebooks run check: .venv/course
	$(BIN)/python -m lessonkit $@

# Pages that are computed: after a change of minutes, of a check's sentences, or of the quizzes.
kit: .venv/course
	$(BIN)/python -m lessonkit schedule
	$(BIN)/python -m regseg.check.catalogue > instructors/misconceptions.md
	$(BIN)/python -m regseg.check.quiz > learners/quiz.md

# The episodes as other processors run them, half an hour or more. One row: make check-run ROW=Nehalem-1
check-run: .venv/test
	$(BIN)/python tests/lesson/portability.py $(addprefix --row ,$(ROW))

lint: .venv/test
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m codespell_lib
	$(BIN)/python -m lessonkit check

# make bench NAME=registration
bench: bench/$(NAME).py .venv/bench
	$(BIN)/python $<
	$(BIN)/python bench/report.py

# After a change of pyproject.toml. Versions stay where they still fit; for all the newest, delete the file first.
lock: .venv/test
	$(BIN)/python -m uv pip compile pyproject.toml --extra course --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --quiet --output-file requirements-course.lock

# MONAI Label, for this computer only, in an environment of its own: make label-server STUDIES=folder PORT=8000
LABEL_ENV ?= .venv-label
LABEL_PYTHON ?= python3.11
PORT ?= 8000
label-server: $(LABEL_ENV)/ready
	$(subst .venv,$(LABEL_ENV),$(BIN))/python src/labelserver/serve.py $(or $(STUDIES),studies) --port $(PORT)

$(LABEL_ENV)/ready: src/labelserver/pyproject.toml
	@$(LABEL_PYTHON) -c "import sys; sys.exit(sys.version_info[:2] not in ((3, 11),))" || { echo \
		"MONAI Label runs on Python 3.10 and 3.11, this course from 3.11.4 on: make label-server LABEL_PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing MONAI Label into $(LABEL_ENV); the first time this takes a few minutes, and 4 GB."
	$(LABEL_PYTHON) -m venv $(LABEL_ENV)
	$(subst .venv,$(LABEL_ENV),$(BIN))/python -m pip install --quiet ./src/labelserver
	@echo installed > $@

clean:
	rm -rf build .venv .venv-label

# Installed again only when a version changes. pip refuses a file whose hash is not in the lock.
.venv/course: pyproject.toml requirements-course.lock
	@$(PYTHON) -c "import sys; found = sys.version.split()[0]; (3, 11, 4) <= sys.version_info[:3] < (3, 15) or sys.exit( \
		'The course needs Python 3.11.4 to 3.14, and this is ' + found + ': try make course PYTHON=python3.13')"
	@echo "Installing into .venv; the first time this takes a few minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements-course.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@echo installed > $@

.venv/%: .venv/course
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[$*]"
	@echo installed > $@
