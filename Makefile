# One screen of what can be done here. Everything happens inside .venv; nothing else is touched.
#
#   make demo               the story: faults, healing, proof (TIME_SCALE=1: true pace; KEEP=1: leave it running)
#   make demo-docker        the same on containers, with what only they can show
#   make test               every test (ARGS="-k crash" narrows it)
#   make engine             a Docker engine and the images for tests, where they are missing
#   make image              Everup's image (TAG=everup, BASE_IMAGE=python:3.11-slim)
#   make check              style, types for each supported Python, floors, locks
#   make soak               many seeded days of the simulation (SEEDS=200 FROM=1)
#   make qualify            the full counts, in the background, resumable (qualify-status, qualify-stop)
#   make bench-failures     failures on real processes, foretold or not, and prevented or not: 20 minutes
#   make bench              what a look, a journal write and rest beside twelve services cost
#   make lock               write requirements/*.txt anew (UPGRADE=1: newest versions)
#   make schema             write the JSON Schema of everup.yaml anew, after a change of its fields
#   make clean              remove .venv and whatever the tools left
#
# PYTHON=/path/to/python chooses the interpreter that .venv is made with.

TIME_SCALE ?= 0.2
KEEP ?=
UPGRADE ?=
TAG ?= everup
ARGS ?=
SEEDS ?= 200
FROM ?= 1

BIN := .venv/bin
DEV := .venv/dev.stamp
DEMO := $(if $(wildcard $(DEV)),$(DEV),.venv/demo.stamp)

.DEFAULT_GOAL := help
.PHONY: help demo demo-docker dev test engine image check soak qualify qualify-status qualify-stop bench bench-failures lock schema wheel clean

help:
	@sed -n '3,16s/^#   //p' Makefile

.venv/%.stamp: requirements/%.txt pyproject.toml scripts/install
	@python=$$(scripts/find-python) && scripts/install "$$python" $<
	@touch $@

dev: $(DEV)

demo: $(DEMO)
	@$(BIN)/everup demo --time-scale $(TIME_SCALE) $(if $(KEEP),--keep) $(ARGS)

demo-docker: $(DEMO)
	@scripts/engine start
	@docker image inspect everup-test/python:3.11 >/dev/null 2>&1 || \
		timeout 120 docker pull -q python:3.11-slim >/dev/null 2>&1 || scripts/engine images
	@$(BIN)/everup demo --containers --time-scale $(TIME_SCALE) $(if $(KEEP),--keep) $(ARGS)

test: $(DEV) engine
	@scripts/test-lanes $(ARGS)

engine: $(DEV) # some images hold programs that came with it
	@scripts/engine start
	@scripts/engine images
	@scripts/engine tools

image:
	@scripts/image $(TAG)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	printf '%s\n' '3.11' '3.12 src' '3.13 src' | xargs -P 2 -I '{}' sh -c '$(BIN)/mypy --python-version {}'
	$(BIN)/lint-imports --no-logo
	scripts/lock check
	scripts/lock pythons

soak: $(DEV)
	@$(BIN)/python -m tests.qualify soak --seeds $(SEEDS) --from $(FROM)

qualify: $(DEV) engine
	@$(BIN)/python -m tests.qualify start

qualify-status: $(DEV)
	@$(BIN)/python -m tests.qualify status || true # its exit code is for scripts

qualify-stop: $(DEV)
	@$(BIN)/python -m tests.qualify stop

bench: $(DEV)
	$(BIN)/python -m benchmarks $(ARGS)

bench-failures: $(DEV)
	$(BIN)/python -m benchmarks.run_to_failure --prevention $(ARGS)

lock: # not after dev: a dependency that is not locked yet cannot be installed
	@test -x $(BIN)/uv || $(MAKE) dev
	scripts/lock write $(if $(UPGRADE),--upgrade)

schema: $(DEV)
	$(BIN)/python -m everup.config.schema docs/settings.md

wheel: $(DEV)
	$(BIN)/hatchling build -t wheel

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
