# Entry points for people and for CI. Each target makes the environment it needs in $(VENV); nothing has to be
# installed by hand but Python with venv, make and a C compiler. Without Go on PATH the environment gets one from PyPI.
#
#   make PYTHON=/usr/bin/python3.13 VENV=.venv-3.13 test     another interpreter, beside the default one

PYTHON ?= $(shell tools/find_python.sh first)
VENV ?= .venv
ROOT := $(CURDIR)
BIN := $(ROOT)/$(VENV)/bin
PY := $(BIN)/python
PYTEST_ARGS ?=
COMPAT_RUNNER ?= $(ROOT)/../shared/compat/run.py
COMPAT_ARGS ?=

# The environment's go, if it has one, is there because none on PATH was new enough.
export PATH := $(BIN):$(PATH)

STAMP := $(VENV)/.ready
GO_SOURCES := go.mod go.sum $(shell find pyext hub trampoline -name '*.go' ! -name '*_test.go' 2>/dev/null)

.PHONY: all setup ext demo test test-go test-py test-slow soak reference lint fmt check wheel smoke bench bench-compare compat fuzz clean help

all: ext lint test

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 18

# ---- environment and extension

setup: $(STAMP) ## make the environment in $(VENV)

$(STAMP): pyproject.toml tools/setup_venv.sh
	tools/setup_venv.sh "$(PYTHON)" "$(VENV)"
	touch $@

ext: $(STAMP) ## build the extension into python/guv/_ext for the interpreter of $(VENV)
	@PYTHONPATH=tools $(PY) -m guv_build

# ---- the main job, and tests

demo: ext ## run an unmodified threaded server and crawler on guv, and compare with the same run serially
	$(PY) examples/demo/demo.py

test: test-go test-py ## Go and Python tests

# As the extension is linked: Go's signals for preemption would interrupt the waits.
test-go: $(STAMP) ## go vet and the Go tests, with the race detector, in random order
	go vet ./...
	GODEBUG=asyncpreemptoff=1 go test -race -shuffle=on ./...

ifdef INSTALLED
test-py: ## the quick Python tests, against the source tree or, with INSTALLED=a wheel, against that wheel
	tools/test_wheel.sh "$(PYTHON)" $(INSTALLED) $(PYTEST_ARGS)

test-slow: ## the Python tests that take long
	tools/test_wheel.sh "$(PYTHON)" $(INSTALLED) -m slow $(PYTEST_ARGS)
else
test-py: ext
	$(PY) -m pytest $(PYTEST_ARGS)

test-slow: ext
	$(PY) -m pytest -m slow $(PYTEST_ARGS)
endif

reference: ext ## write docs/reference.md from the docstrings
	$(PY) tools/make_reference.py

SECONDS ?= 600
SOAK_ARGS ?=
soak: ext ## everything at once for SECONDS=600: sockets, forks, programs, signals, lookups, threads; SOAK_ARGS=--seed N
	PYTHONPATH=python $(PY) -W ignore tools/soak.py --seconds $(SECONDS) $(SOAK_ARGS)

# ---- code style and types

lint: ext ## formatters, linters, type checker, file sizes; changes nothing
	@unformatted="$$("$$(go env GOROOT)/bin/gofmt" -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go' -not -path './build/*'))"; \
	    if [ -n "$$unformatted" ]; then echo "gofmt: run 'make fmt' for:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(PY) tools/check_sizes.py

fmt: $(STAMP) ## format all code
	go fmt ./...
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# ---- what is shipped

wheel: $(STAMP) ## sdist, and from it the wheel, into dist/; then what the wheel carries is checked
	rm -rf dist
	$(PY) -m build --outdir dist
	$(PY) tools/check_wheel.py dist/*.whl

check: lint wheel ## all of CI: lint, sdist, wheel, Go tests, Python tests against the installed wheel
	$(MAKE) test INSTALLED="$$(echo dist/*.whl)"

smoke: $(STAMP) ## for each other Python on this machine: build, install, run a few threads and a fork
	tools/smoke_others.sh "$(PYTHON)"

FUZZ_SECONDS ?= 120

fuzz: ext ## fuzz whole HTTP and WebSocket connections by atheris, FUZZ_SECONDS for each; inputs that fail stay in build/fuzz
	$(BIN)/pip install -q "atheris>=2.3"
	@mkdir -p build/fuzz/http build/fuzz/websocket
	cd build/fuzz && $(PY) ../../tests_py/fuzz/fuzz_connections.py http http -dict=../../tests_py/fuzz/http.dict -max_len=1000 -max_total_time=$(FUZZ_SECONDS)
	cd build/fuzz && $(PY) ../../tests_py/fuzz/fuzz_connections.py websocket websocket -max_len=1000 -max_total_time=$(FUZZ_SECONDS)

# ---- measurements

compat: ## CPython's own test suite under monkey_patch, per Python version, if ../shared/compat is beside the checkout
	@if [ -f "$(COMPAT_RUNNER)" ]; then tools/compat.sh "$(COMPAT_RUNNER)" "$(PYTHON)" $(COMPAT_ARGS); \
	else echo "compat: $(COMPAT_RUNNER) is not there; nothing was run"; fi

# Timing needs other libraries, which have no place in the environment of the tests.
BENCH_STAMP := .venv-bench/.ready
BENCH := $(ROOT)/.venv-bench/bin/python -m bench
BENCH_ARGS ?=
REF ?= main

$(BENCH_STAMP): pyproject.toml tools/setup_venv.sh
	tools/setup_venv.sh "$(PYTHON)" .venv-bench bench
	touch $@

bench: $(BENCH_STAMP) ## measure against gevent, eventlet, asyncio, uvloop, threads and C; BENCH_ARGS=--help for more
	@PYTHONPATH=tools .venv-bench/bin/python -m guv_build
	@.venv-bench/bin/python -m compileall -q python/guv # as pip does with what it installs
	$(BENCH) $(BENCH_ARGS)

bench-compare: $(BENCH_STAMP) ## measure this version of guv against the one of REF=main
	@PYTHONPATH=tools .venv-bench/bin/python -m guv_build
	@.venv-bench/bin/python -m compileall -q python/guv
	$(BENCH) --libraries guv --against $(REF) $(BENCH_ARGS)

clean: ## remove everything that was built; the user's build cache stays
	rm -rf build dist python/*.egg-info python/guv/_ext .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find python tools tests_py -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
