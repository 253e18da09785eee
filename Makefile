.DEFAULT_GOAL := help
# Modules compiled once make every process start faster.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-sqlite test-postgresql test-nightly test-faults lint format lock reference clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: ## Set up everything and serve the demo on http://127.0.0.1:8000 (DATA=<folder>: a real GADF data store)
	@tools/setup.sh worker
	@DATA="$(DATA)" tools/demo.sh

test: ## Set up everything and run all tests, on SQLite and on PostgreSQL
	@tools/system_packages.sh
	@tools/setup.sh dev
	@.venv/bin/python frontend/build.py
	@.venv/bin/python -m tests.run

test-sqlite: ## The tests on SQLite alone (ARGS="tests/tap -k cone")
	@DISTILLER_TEST_DATABASE=sqlite .venv/bin/python -m pytest $(ARGS)

test-postgresql: ## The tests on a private PostgreSQL alone (ARGS="tests/tap -k cone")
	@DISTILLER_TEST_DATABASE=postgresql .venv/bin/python -m pytest $(ARGS)

test-nightly: ## The generated tests with many and new examples, on both databases, and the analyses with more data (an hour)
	@tools/setup.sh dev
	@for database in sqlite postgresql; do DISTILLER_HYPOTHESIS=nightly DISTILLER_TEST_DATABASE=$$database \
		.venv/bin/python -m pytest --timeout 7200 tests/tap/differential tests/tap/fuzz || exit 1; done
	@DISTILLER_HYPOTHESIS=nightly .venv/bin/python -m pytest --timeout 7200 tests/analysis \
		tests/conformance/test_uws_scenarios.py tests/events/test_selection.py

test-faults: ## Jobs under faults: killed workers, broken brokers and databases, full disks (half an hour)
	@tools/system_packages.sh
	@tools/setup.sh dev
	@for database in sqlite postgresql; do \
		DISTILLER_TEST_DATABASE=$$database .venv/bin/python -m pytest -m faults tests/faults || exit 1; done

lint: ## ruff, mypy and the layers
	@tools/setup.sh dev
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

format: ## Format the code
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

lock: ## Make the lock files anew (UPGRADE=1: with the newest versions)
	@tools/lock.sh

reference: ## Make docs/reference/ anew from the declarations
	@.venv/bin/python manage.py reference

clean: ## Remove what the build made, but not DISTILLER_HOME
	@rm -rf .venv node_modules frontend/node_modules frontend/static/frontend/dist
