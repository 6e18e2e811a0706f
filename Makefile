# Thin wrappers: what each target does stands in tools/*.sh and CMakePresets.json.
#
#   make run          set up, build, serve the built-in model and ask it a question
#                     MODEL=dir another model, PORT=n another port, ONCE=1 stop after the answer
#   make build        set up and build everything into build/release
#   make check        before a commit: format, hygiene, a build and the unit tests of what changed
#   make test         unit, golden, integration and client tests, then all but the last under ASan
#                     and UBSan
#   make check-deep   ThreadSanitizer, clang-tidy over everything, fuzzing
#   make lint         format, hygiene, clang-tidy over changed files
#   make fuzz         each fuzz target for FUZZ_SECONDS (30)
#   make docs         rewrite docs/cli.md from the table of options
#   make check-fresh  the whole CI on a fresh clone
#   make clean        remove what was built
.PHONY: all build run test test-release test-asan test-tsan check check-deep \
        lint fuzz docs setup setup-deep check-fresh clean help

FUZZ_SECONDS ?= 30
export JOBS ?= $(shell nproc)

all: build

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@tools/setup-debian.sh
	@tools/setup-npm.sh

setup-deep:
	@tools/setup-debian.sh --deep

build: setup
	cmake --preset release
	cmake --build --preset release

run: setup
	@MODEL='$(MODEL)' PORT='$(PORT)' ONCE='$(ONCE)' tools/run.sh

test: test-release test-asan

test-release: build
	tools/run-tests.sh release

test-asan test-tsan: test-%: setup setup-deep
	cmake --preset $*
	cmake --build --preset $*
	tools/run-tests.sh $*

check: setup
	@tools/check.sh

check-deep: setup-deep
	$(MAKE) test-tsan
	tools/lint.sh --all
	tools/fuzz.sh $(FUZZ_SECONDS)

lint: setup-deep
	@tools/lint.sh

fuzz: setup-deep
	tools/fuzz.sh $(FUZZ_SECONDS)

docs: build
	build/release/bin/hadal help --markdown > docs/cli.md.tmp
	mv docs/cli.md.tmp docs/cli.md

check-fresh:
	@tools/check-fresh.sh

clean:
	rm -rf build
