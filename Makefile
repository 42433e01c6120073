# Every target's line of help stands behind its ##.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
PYTEST_ARGS ?=

venv := .venv
python := $(venv)/bin/python
stamp := $(venv)/stamp
pip_install := -m pip install --quiet --disable-pip-version-check

# The first Python that is new enough and can make virtual environments. The distribution's own comes
# first: it is built with profiles, a quarter faster than what version managers build.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
    "$$p" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    && echo "$$p" && break; done)

.PHONY: help
help: ## this list (the default)
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) \
	    | while IFS=$$'\t' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

.PHONY: venv
venv: $(stamp) ## the development environment in .venv, with all test dependencies

$(stamp): pyproject.toml | interpreter
	$(or $(PYTHON),$(error no Python >= 3.11 with its venv module here; name one with PYTHON=)) -m venv $(venv)
	$(python) $(pip_install) --editable '.[test]'
	@touch $@

.PHONY: interpreter
interpreter:
	@[[ -n "$(PYTHON)" ]] || tests/install-tools --demo

.PHONY: tools
tools: ## the Debian packages that the tests need (root)
	@tests/install-tools

.PHONY: demo
demo: ## a small swapfile made, checked, used, watched and removed (root)
	@tests/install-tools --demo
	@$(MAKE) --no-print-directory venv
	@packaging/demo

.PHONY: test
test: tools venv ## the tests: on this machine's kernel and on Debian's under QEMU (root)
	$(python) -m pytest -m 'not long' $(PYTEST_ARGS)

.PHONY: test-host
test-host: tools venv ## those on this machine's kernel only; they activate swap (root)
	$(python) -m pytest -m 'not vm' $(PYTEST_ARGS)

.PHONY: test-long
test-long: venv ## the parsers and snapshots with 100000 examples each: half an hour
	SWAPCTL_FUZZ_EXAMPLES=100000 $(python) -m pytest tests/unit -k 'any or survive or bite' $(PYTEST_ARGS)

.PHONY: test-vm
test-vm: tools venv ## all that boot Debian's kernels under QEMU, the long ones too (root)
	$(python) -m pytest tests/vm $(PYTEST_ARGS)

.PHONY: matrix
matrix: tools venv ## docs/matrix.md anew, from the kernels' answers (root)
	rm -rf build/oracle.json build/vm
	-$(python) -m pytest -q tests/kernel/test_oracle.py tests/vm/test_vm_kernels.py
	$(python) -m tests.matrix

.PHONY: generate
generate: venv ## man/swapctl-rules.7 and completions/ anew, after a change of rules or options
	$(python) -m generate

.PHONY: test-fast
test-fast: venv ## unit tests and linters: seconds, no root
	$(python) -m pytest -m 'not kernel and not slow' --ignore=tests/kernel --ignore=tests/vm $(PYTEST_ARGS)

.PHONY: lint
lint: venv ## linters, types and import directions only
	$(python) -m pytest tests/test_linters.py tests/test_layers.py $(PYTEST_ARGS)

.PHONY: bench
bench: tools venv ## start-up times next to their goals (root)
	$(python) bench/startup.py

lib := $(PREFIX)/lib/swapctl
sbin := $(PREFIX)/sbin/swapctl
man5 := $(PREFIX)/share/man/man5/swapctl.conf.5
man7 := $(PREFIX)/share/man/man7/swapctl-rules.7
man8 := $(PREFIX)/share/man/man8/swapctl.8
unit := $(PREFIX)/lib/systemd/system/swapctl-prepare@.service
bash_completion := $(PREFIX)/share/bash-completion/completions/swapctl
zsh_completion := $(PREFIX)/share/zsh/site-functions/_swapctl
fish_completion := $(PREFIX)/share/fish/vendor_completions.d/swapctl.fish

.PHONY: install
install: interpreter ## swapctl, its manual pages, unit and completions below PREFIX (/usr/local)
	umask 022; $(PYTHON) -m venv --clear $(lib)
	umask 022; $(lib)/bin/python $(pip_install) .
	install -d $(dir $(sbin) $(man5) $(man7) $(man8) $(unit) $(bash_completion) $(zsh_completion) $(fish_completion))
	ln -sfn ../lib/swapctl/bin/swapctl $(sbin)
	install -m 644 man/swapctl.conf.5 $(man5)
	install -m 644 man/swapctl-rules.7 $(man7)
	install -m 644 man/swapctl.8 $(man8)
	umask 022; sed 's|=:/usr/bin/python3 |=:$(lib)/bin/python |' packaging/systemd/$(notdir $(unit)) >$(unit)
	install -m 644 completions/swapctl.bash $(bash_completion)
	install -m 644 completions/_swapctl $(zsh_completion)
	install -m 644 completions/swapctl.fish $(fish_completion)

.PHONY: uninstall
uninstall: ## removes what install put there
	rm -rf $(lib)
	rm -f $(sbin) $(man5) $(man7) $(man8) $(unit) $(bash_completion) $(zsh_completion) $(fish_completion)

.PHONY: clean
clean: ## removes .venv, caches and build products
	rm -rf $(venv) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find bench generate swapctl tests -name __pycache__ -prune -exec rm -rf {} +
