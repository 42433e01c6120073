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
# first: it is what packages run with, and built with optimizations that version managers leave out.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
    "$$p" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    && echo "$$p" && break; done)

.PHONY: help
help: ## this list (the default)
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) \
	    | while IFS=$$'\t' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

.PHONY: venv
venv: $(stamp) ## the development environment in .venv, with all test dependencies

$(stamp): pyproject.toml | interpreter
	$(or $(PYTHON),$(error no Python >= 3.11 with its venv module here; name one with PYTHON=)) -m venv --clear $(venv)
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

# What is installed beside the program, as source:target. Packages take it from here: DESTDIR is the
# root they pack, INTERPRETER the Python that has the wheel, and the directories can be named.
INTERPRETER ?= /usr/bin/python3
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
CATALOGDIR ?= $(PREFIX)/lib/systemd/catalog
DOCDIR ?= $(PREFIX)/share/doc/swapctl
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d

units := $(notdir $(wildcard packaging/systemd/*.service packaging/systemd/*.timer))
data = $(foreach page,$(wildcard man/*.[1-9]),$(page):$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
    $(foreach unit,$(units),packaging/systemd/$(unit):$(UNITDIR)/$(unit)) \
    $(foreach text,$(wildcard packaging/systemd/*.catalog),$(text):$(CATALOGDIR)/$(notdir $(text))) \
    $(foreach text,README.md CHANGELOG.md $(wildcard docs/*),$(text):$(DOCDIR)/$(notdir $(text))) \
    completions/swapctl.bash:$(BASHDIR)/swapctl \
    completions/_swapctl:$(ZSHDIR)/_swapctl \
    completions/swapctl.fish:$(FISHDIR)/swapctl.fish

.PHONY: install-data
install-data: ## manual pages, units, completions and documents below DESTDIR, for packages
	@for file in $(data); do \
	    from=$${file%%:*} to=$(DESTDIR)$${file#*:}; \
	    install -D -m 644 "$$from" "$$to"; \
	    [[ ! -L $$from ]] || cp --no-dereference --remove-destination "$$from" "$$to"; \
	done
	@sed -i 's|^\(Exec[A-Za-z]*=[-:+!@]*\)/usr/bin/python3 |\1$(INTERPRETER) |' $(units:%=$(DESTDIR)$(UNITDIR)/%)

.PHONY: deb
deb: ## the Debian package for SUITE=bookworm, trixie or sid (default: this machine's), in build/deb (root)
	@tests/install-tools --deb
	@$(or $(PYTHON),python3) -m tests.debian.build $(SUITE)

lib := $(PREFIX)/lib/swapctl
sbin := $(PREFIX)/sbin/swapctl

.PHONY: install
install: interpreter ## swapctl in an environment of its own below PREFIX (/usr/local), and install-data
	$(if $(DESTDIR),$(error an environment works only where it was made: packages install the wheel and run install-data))
	umask 022; $(PYTHON) -m venv --clear $(lib)
	umask 022; $(lib)/bin/python $(pip_install) .
	install -d $(dir $(sbin))
	ln -sfn ../lib/swapctl/bin/swapctl $(sbin)
	umask 022; $(MAKE) --no-print-directory install-data INTERPRETER=$(lib)/bin/python

.PHONY: uninstall
uninstall: ## removes what install put there
	rm -rf $(lib)
	rm -f $(sbin) $(foreach file,$(data),$(lastword $(subst :, ,$(file))))
	rmdir --ignore-fail-on-non-empty $(DOCDIR)

.PHONY: dist
dist: venv ## source archive, wheel and the single file swapctl.pyz in build/dist
	packaging/dist $(python)

.PHONY: rpm
rpm: dist ## packages for Fedora and its like in build/rpm, with rpmbuild
	packaging/rpm/build

.PHONY: arch
arch: dist ## the package for Arch Linux in build/arch, with makepkg
	packaging/arch/build

.PHONY: clean
clean: ## removes .venv, caches and build products
	rm -rf $(venv) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find bench generate swapctl tests -name __pycache__ -prune -exec rm -rf {} +
