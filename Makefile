# What one does with a checkout of kubeque. `make` alone says what there is; every target sets up what it needs.

.DEFAULT_GOAL := help
.PHONY: help demo test matrix python lint docs image e2e bench kill rotating soak dist clean
SHELL := /bin/sh
# Tests start thousands of Python processes: none of them may have to compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

PYTHON_HERE = .venv/bin/python
ENVIRONMENT = .venv/.ready
EXTRAS      = airflow,kubernetes,google,postgres,s3,table,picture,metrics,lineage,dev

# The older Airflows, and what each is tested with: the provider's tests and what they need. One alone: make matrix MATRIX=3.1
MATRIX        = 2.11 3.1 3.2
MATRIX_EXTRAS = airflow,postgres,lineage,test

# Another Python than that of .venv, and what the engine is tested with there. The core leaves out the slow parts, which do
# not depend on Python: fuzzing, chaos, and the Datastore emulators. The engine is all of it.
PY        = 3.13
PY_EXTRAS = kubernetes,google,postgres,s3,table,picture,metrics,test
CORE      = tests/model tests/queues tests/consumer --ignore tests/queues/fuzz --ignore tests/queues/test_chaos.py -k 'not datastore'
ENGINE    = tests --ignore tests/provider --ignore tests/compatibility/test_airflow.py --ignore tests/e2e --ignore tests/lint --ignore tests/ci --ignore tests/test_package.py

# What the consumer's image is called.
CONSUMER_IMAGE = kubeque-consumer:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' kubeque/__init__.py)

# Extra words for pytest: make test ARGS='-k sweep -x'
ARGS =
# Processes of pytest. Tests wait for a quarter of their time, so there is one more process than the 2 cores of CI.
WORKERS = 3
# One file of the tests on a cluster, or of the kill matrix: make e2e E2E=tests/e2e/test_sweep.py
E2E  = tests/e2e
KILL = tests/provider/kill_matrix
# A folder of the tests that CI runs in turns: make rotating PART=tests/queues
PART = tests

help:  ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(ENVIRONMENT)  ## the main job: a sweep through Airflow on this machine, with a table and a picture at the end
	@$(PYTHON_HERE) examples/demo.py

test: $(ENVIRONMENT)  ## the tests that need no cluster; `make lint` runs those of tests/lint, and `make rotating` some slow ones
	$(PYTHON_HERE) -m pytest -n $(WORKERS) --dist loadgroup --ignore tests/lint $(ARGS)

rotating: $(ENVIRONMENT)  ## tests that CI runs in turns: more seeds, the queue on Datastore, large files, old jobs, long outages, pages in a browser
	$(PYTHON_HERE) -m pytest -n $(WORKERS) --dist loadgroup -m 'rotating and not soak' $(PART) $(ARGS)

matrix: $(MATRIX:%=.matrix/%/.ready)  ## the tests of the provider on the older Airflows
	@failed=; for airflow in $(MATRIX); do \
		echo "== Airflow $$airflow"; \
		.matrix/$$airflow/bin/python -m pytest -n $(WORKERS) --dist loadgroup tests/provider $(ARGS) || failed="$$failed $$airflow"; \
	done; [ -z "$$failed" ] || { echo "== failed on Airflow$$failed"; exit 1; }

python: .matrix/python-$(PY)/.ready  ## model, queues and consumer on Python 3.13; PY=3.12: on another one
	.matrix/python-$(PY)/bin/python -m pytest -n $(WORKERS) --dist loadgroup $(CORE) $(ARGS)

lint: $(ENVIRONMENT)  ## style, types, import contracts, dead code, prose, and that the consumer stays light
	$(PYTHON_HERE) -m ruff check
	$(PYTHON_HERE) -m ruff format --check
	$(PYTHON_HERE) -m mypy
	$(PYTHON_HERE) -m mypy --platform darwin --cache-dir .mypy_cache/darwin -p kubeque
	.venv/bin/lint-imports --no-logo
	.venv/bin/vulture
	$(PYTHON_HERE) -m pytest -q tests/lint tests/consumer/test_probe.py

docs: $(ENVIRONMENT) .docs/.ready  ## the generated pages in docs/, and the HTML site in build/docs; a broken link fails
	$(PYTHON_HERE) docs/make
	.docs/bin/sphinx-build --quiet --fail-on-warning --keep-going -c docs/site . build/docs

image: build/consumer-image.tar  ## the consumer's image, without a registry: build/consumer-image.tar

build/consumer-image.tar: $(ENVIRONMENT) $(wildcard consumer_image/*) $(shell find kubeque -name '*.py')
	$(PYTHON_HERE) consumer_image/build.py build/consumer-image $(CONSUMER_IMAGE)

e2e: $(ENVIRONMENT) build/consumer-image.tar  ## the tests on a real Kubernetes: KUBECONFIG names it, KUBEQUE_E2E_LOAD loads an image into it
	$(PYTHON_HERE) -m pytest -m e2e $(E2E) $(ARGS)

bench: $(ENVIRONMENT)  ## the benchmarks, each against its baseline in the same run
	@for bench in $$(grep -l __main__ benchmarks/*.py); do \
		echo "== $$bench"; $(PYTHON_HERE) -m benchmarks.$$(basename $$bench .py) || exit 1; \
	done

kill: $(ENVIRONMENT)  ## kills the parts of a real Airflow while sweeps run: nothing runs twice, nothing is left behind
	$(PYTHON_HERE) -m pytest -m kill $(KILL) $(ARGS)

soak: $(ENVIRONMENT) .matrix/2.11/.ready .matrix/python-$(PY)/.ready  ## everything three times: lint, test, rotating, matrix, the engine on Python 3.13, kill (on Airflow 2.11 too), e2e, and the tests that take long
	@for round in 1 2 3; do \
		echo "== round $$round of 3"; \
		for target in lint test rotating matrix kill e2e; do $(MAKE) $$target ARGS= || exit 1; done; \
		$(MAKE) python CORE="$(ENGINE)" ARGS= || exit 1; \
		.matrix/2.11/bin/python -m pytest -m kill $(KILL) || exit 1; \
		$(PYTHON_HERE) -m pytest -m soak --timeout 0 $(ARGS) || exit 1; \
	done

dist: $(ENVIRONMENT)  ## the wheel, the source archive, their SHA-256 sums and the list of software (CycloneDX), in dist/
	$(PYTHON_HERE) release/dist.py

clean:  ## removes all that make made
	rm -rf .venv .matrix .docs .demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.docs/.ready: docs/site/requirements.txt
	"$$(.ci/find-python 3.11 3.12 3.13)" -m venv --clear .docs
	.docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(ENVIRONMENT): setup.cfg $(wildcard constraints/airflow-3.3-*.txt)
	@.ci/venv .venv 3.3 $(EXTRAS) "3.11 3.12"

# Airflow 3 on the newer Python where there is one, so that each Python is met.
.matrix/3.%/.ready: export PYTHON ?= python3.12 $(HOME)/.pyenv/versions/3.12.*/bin/python python3 python3.11
.matrix/2.11/.ready: MATRIX_EXTRAS = airflow,postgres,lineage,test2
.matrix/python-%/.ready: setup.cfg $(wildcard constraints/airflow-3.3-*.txt)
	@PYTHON= .ci/venv .matrix/python-$* 3.3 $(PY_EXTRAS) $*
$(MATRIX:%=.matrix/%/.ready): .matrix/%/.ready: setup.cfg $(wildcard constraints/*.txt)
	@.ci/venv .matrix/$* $* $(MATRIX_EXTRAS)
