# What README.md, CONTRIBUTING.md and docs/ name: install demo serve test test-fast check-kernels test-faults coverage browser chaos
# check gallery bench bench-service bench-formulas. Each installs first what it needs.

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
DATA   ?= $(wildcard ../shared/data)
OUT    ?= bench-results

# The page with the table of goals. Other runs than one of everything do not measure all of them: they write the
# report alone, unless a page is named.
INTO ?= $(if $(SECTION)$(WHO)$(WORK)$(QUICK),,$(if $(DATA),docs/benchmarks.md))
# The page with the sections that have marks there, each written when all of it is measured.
PAGE ?= $(if $(WHO)$(WORK)$(QUICK),,$(if $(DATA),docs/benchmarks.md))

# PyPI's torch for Linux brings gigabytes of GPU libraries along; small networks train on the CPU build.
# A pip with sources of its own (a company mirror, a folder of wheels) is left to them, and where this index
# cannot be reached, or is set to nothing, PyPI serves. For training on a GPU: make install TORCH_INDEX=
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

PIP  := $(VENV)/bin/pip --disable-pip-version-check
LOCK := --constraint service/constraints.txt
SBOM ?= sbom.json
IMAGE_PACKAGES := { cat service/requirements.lock; sed -n 's/^ARG TORCH_VERSION=/torch==/p' service/Dockerfile; }
# Tests start hundreds of processes: without compiled files each would compile the project anew.
PYTEST := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(VENV)/bin/pytest --dist worksteal -n

.PHONY: install demo serve test test-fast check-kernels coverage test-faults browser chaos check gallery charts example generate bench bench-service \
	bench-formulas lock sbom audit secrets

install: $(VENV)/installed

demo: $(VENV)/installed
	$(VENV)/bin/python -m service.demo

serve: $(VENV)/installed
	$(VENV)/bin/kan-service serve --open

check: $(VENV)/installed-test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python .ci/source_figures.py
	PYTHONPATH=. $(VENV)/bin/python .ci/generate.py --check

# One process more than there are processors: many of these tests wait for other processes.
test: $(VENV)/installed-test
	-@$(MAKE) --no-print-directory browser
	$(PYTEST) $(JOBS) -m shaped tests/unit/kan_engine
	KAN_TEST_SHAPES=off $(PYTEST) $$(($(JOBS) + 1)) -m 'not shaped and not thorough' tests

# While writing: the tests of the parts, without whole searches and with shapes unchecked.
test-fast: $(VENV)/installed-test
	KAN_TEST_SHAPES=off $(PYTEST) $(JOBS) -q -m 'not long and not thorough' tests/unit

# Numeric tests and some of the page under two kernels of OpenBLAS, whose last digits differ.
check-kernels: $(VENV)/installed-test
	-@$(MAKE) --no-print-directory browser
	KAN_TEST_SHAPES=off $(VENV)/bin/python .ci/kernels.py $(PYTEST) $$(($(JOBS) + 1)) -q -m 'not thorough'

# What the tests of the parts reach.
coverage: $(VENV)/installed-test
	$(PYTEST) $(JOBS) -m shaped --cov --cov-report= tests/unit/kan_engine
	KAN_TEST_SHAPES=off $(PYTEST) $(JOBS) -m 'not shaped and not thorough' --cov --cov-append --cov-report= \
		tests/unit tests/integration
	$(VENV)/bin/coverage report --skip-covered --show-missing --include='kan_engine/*' --fail-under=95
	$(VENV)/bin/coverage report --skip-covered --show-missing --include='service/*,worker/*' --fail-under=90

test-faults: $(VENV)/installed-test
	KAN_TEST_SHAPES=off $(PYTEST) $(JOBS) -m thorough

# For the tests of the page. Wheels carry no browser, so it is the system's; without one these tests fail.
browser:
	@if test -n "$$KAN_TEST_CHROMIUM" || which chromium chromium-browser google-chrome | grep -q .; then exit; fi; \
		if test "$$(id -u)" = 0; then apt-get update -qq && apt-get install -y -qq chromium && exit; fi; \
		echo "The tests of the page need Chromium. On Debian: sudo apt-get install chromium"; \
		echo "Elsewhere name a Chromium with: export KAN_TEST_CHROMIUM=/path/to/chromium"; exit 1

chaos: $(VENV)/installed-test
	$(VENV)/bin/python -m tests.faults.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(SEEDS),--seeds $(SEEDS)) $(if $(SLOTS),--slots $(SLOTS)) \
		$(if $(filter command environment,$(firstword $(origin JOBS))),--jobs $(JOBS))

# What follows from the schema of a training: options of commands, fields of the form on the page, their words.
generate: $(VENV)/installed-test
	PYTHONPATH=. $(VENV)/bin/python .ci/generate.py

# The chart library of the page in one file, which the repository keeps: only its renewal needs Node.js.
charts:
	cd .ci/charts && npm install --silent --no-package-lock && npx esbuild plot.js --bundle --minify --format=esm \
		--target=es2022 --legal-comments=none --outfile=../../service/web/vendor/plot.js

# The trained example of the start page: table, model, formula and pictures in service/web/example.
example: $(VENV)/installed
	PYTHONPATH=. $(VENV)/bin/python .ci/example.py

gallery: $(VENV)/installed-test
	$(VENV)/bin/python -m tests.gallery --data '$(DATA)' $(JOB)

bench: $(VENV)/installed-bench
	$(VENV)/bin/python -m tests.benchmarks --data '$(DATA)' --out '$(OUT)' $(if $(SECTION),--section $(SECTION)) \
		$(if $(WHO),--who '$(WHO)') $(if $(WORK),--work '$(WORK)') $(if $(URL),--url '$(URL)') $(if $(FRESH),--fresh) $(if $(QUICK),--quick) \
		$(if $(INTO),--into '$(INTO)') $(if $(PAGE),--page '$(PAGE)')

bench-service: $(VENV)/installed-test
	$(MAKE) bench SECTION='serving lifecycle scaling'

bench-formulas: $(VENV)/installed-test
	$(VENV)/bin/python -m tests.benchmarks.formulas --file '$(or $(FILE),$(DATA)/formulas.jsonl)' --out '$(OUT)' \
		--jobs $(JOBS) $(if $(NOISE),--noise $(NOISE)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(SEEDS),--seeds $(SEEDS)) $(if $(SUBSET),--subset $(SUBSET)) $(if $(SOURCE),--source $(SOURCE)) \
		$(if $(ROWS),--rows $(ROWS)) $(if $(IRRELEVANT),--irrelevant $(IRRELEVANT)) $(if $(NETWORKS),--networks) \
		$(if $(UNITS),--units $(UNITS)) $(if $(UNITS_OF),--units-of $(UNITS_OF))

# What the image installs, with hashes; renew it with service/constraints.txt.
lock: $(VENV)/installed
	$(VENV)/bin/python .ci/lock.py

# What Python packages are in the image, as CycloneDX.
sbom: $(VENV)/installed-test
	$(IMAGE_PACKAGES) | $(VENV)/bin/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml \
		--output-file '$(SBOM)' -

# Their known vulnerabilities; skipped with a message where PyPI does not answer.
audit: $(VENV)/installed-test
	@$(IMAGE_PACKAGES) | $(VENV)/bin/python .ci/audit.py

# For docker-compose.yml. The folder is its owner's alone; the containers, which are others, read the files in it.
secrets:
	@mkdir -m 700 secrets && cd secrets && umask 0333 && \
		new() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; } && database=$$(new) && redis=$$(new) && \
		printf %s "$$database" > postgres_password && printf %s "$$redis" > redis_password && \
		printf %s "postgresql+psycopg://kan:$$database@postgres:5432/kan" > database_url && \
		printf %s "redis://:$$redis@redis:6379/0" > broker_url

$(VENV)/installed: pyproject.toml service/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo; \
		echo "Python cannot make virtual environments here. On Debian and Ubuntu: apt-get install python3-venv"; \
		exit 1; }
	@$(PIP) config list | grep -E 'index-url|find-links' >/dev/null || test -z '$(TORCH_INDEX)' || \
		! $(PYTHON) -c 'import urllib.request as r; r.urlopen("$(TORCH_INDEX)/torch/", timeout=5)' 2>/dev/null || \
		$(PIP) install --progress-bar off $(LOCK) --extra-index-url $(TORCH_INDEX) 'torch>=2.9'
	$(PIP) install --progress-bar off --quiet $(LOCK) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed $(VENV)/generators/installed
	$(PIP) install --progress-bar off --quiet $(LOCK) --editable '.[test]'
	@touch $@

# Generators of clients, for the tests of the OpenAPI document. Their requirements conflict with those of the service.
$(VENV)/generators/installed: $(VENV)/installed
	$(PYTHON) -m venv $(VENV)/generators
	$(VENV)/generators/bin/pip install --progress-bar off --quiet --disable-pip-version-check \
		'openapi-python-client>=0.29.1' 'datamodel-code-generator>=0.89'
	-@if which npm >/dev/null; then npm install --silent --no-fund --no-audit --prefix $(VENV)/generators \
		openapi-typescript@7 openapi-fetch@0.17 @hey-api/openapi-ts@0.99 typescript@5; fi
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed-test
	$(PIP) install --progress-bar off --quiet $(LOCK) --editable '.[test,bench]'
	@touch $@
