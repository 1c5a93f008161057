# The two commands of the README are `make demo` and `make test`; `make help` lists the others.
# Everything is installed into .build/, from requirements files with hashes.

PYTHON ?= python3
# The function's own Python, also where pyenv has it but has not switched it on.
PYTHON313 ?= $(or $(shell python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null),$(lastword $(sort $(wildcard $(shell pyenv root 2>/dev/null)/versions/3.13.*/bin/python3.13))),python3.13)
BUILD := .build
IN_TREE := PYTHONPATH=functions:tests PYTHONDONTWRITEBYTECODE=1

HAS_PYTHON313 := $(shell $(PYTHON313) -c 'import sys; print(sys.version_info[:2] == (3, 13))' 2>/dev/null)

.PHONY: help demo sam-local test lint template audit audit-if-reachable unit simulate sam bench dashboard page clean lock
.DELETE_ON_ERROR:

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(BUILD)/demo.installed $(BUILD)/runtime.installed ## Try everything on this machine; FILE=payments.xml for your own file
	@$(IN_TREE) $(BUILD)/demo/bin/python -m demo $(if $(FILE),"$$FILE")

# `sam build` needs exactly the function's Python on PATH, or a container for it.
sam-local: $(BUILD)/demo.installed $(BUILD)/runtime.installed $(BUILD)/sam.installed $(if $(filter True,$(HAS_PYTHON313)),$(BUILD)/emulator.installed) ## Set the stage for SAM local; ARCH=arm64 for the build that is deployed
	@$(IN_TREE) $(BUILD)/demo/bin/python -m sam_local $(if $(ARCH),--architecture $(ARCH))

test: lint template audit-if-reachable sam ## Run all tests
	$(IN_TREE) $(BUILD)/test/bin/python -m pytest

lint: $(BUILD)/test.installed ## Check style and types
	$(BUILD)/test/bin/ruff check
	$(BUILD)/test/bin/ruff format --check
	$(BUILD)/test/bin/mypy

# Both forms: what SAM adds is seen in the second only, its own properties in the first. An exception
# is in the template, beside its reason.
template: $(BUILD)/template.installed ## Look for insecure settings in the template
	$(BUILD)/template/bin/cfn-lint --append-rules cfn_lint_serverless.rules --template template.yaml
	AWS_DEFAULT_REGION=us-east-1 $(BUILD)/template/bin/python tests/template/translate.py template.yaml > $(BUILD)/template.json
	$(BUILD)/template/bin/checkov --framework cloudformation --skip-download --quiet --compact --file template.yaml $(BUILD)/template.json

audit: $(BUILD)/audit.installed ## Look up known vulnerabilities of what is delivered
	$(BUILD)/audit/bin/python tests/requirements/audit.py

# The tests run without the internet too; then this says loudly that nothing was looked up.
audit-if-reachable: $(BUILD)/audit.installed
	$(BUILD)/audit/bin/python tests/requirements/audit.py --pass-if-not-reachable

unit: $(BUILD)/test.installed ## Run only the tests that need no processes
	$(IN_TREE) $(BUILD)/test/bin/python -m pytest tests/unit

simulate: $(BUILD)/test.installed ## Simulate thousands of imports with faults; ARGS="--seed 42" for one
	$(IN_TREE) $(BUILD)/test/bin/python -m simulation $(ARGS)

# Without the function's Python the artifact's tests are skipped, and say so.
sam: $(BUILD)/test.installed $(BUILD)/runtime.installed $(BUILD)/sam.installed $(if $(filter True,$(HAS_PYTHON313)),$(BUILD)/emulator.installed) ## Check the template, build the artifact
	SAM_CLI_TELEMETRY=0 $(BUILD)/sam/bin/sam validate --lint --template template.yaml
ifeq ($(HAS_PYTHON313),True)
	PATH="$(CURDIR)/$(BUILD)/emulator/bin:$$PATH" SAM_CLI_TELEMETRY=0 $(BUILD)/sam/bin/sam build
endif

bench: $(BUILD)/bench.installed $(BUILD)/runtime.installed ## Measure against the naive import and the bare floor; ARGS="--only budgets" for one table
	$(IN_TREE) $(BUILD)/bench/bin/python -m benchmarks $(ARGS)

dashboard: $(BUILD)/dashboard.installed $(BUILD)/runtime.installed ## Draw the README's picture of the dashboard
	$(IN_TREE) $(BUILD)/dashboard/bin/python -m dashboard

page: $(BUILD)/dashboard.installed $(BUILD)/runtime.installed ## Take the README's picture of an import's page, with a Chromium
	@$(IN_TREE) $(BUILD)/dashboard/bin/python -m page_picture

lock: $(BUILD)/lock.installed ## Renew all requirements.txt from their .in files
	$(BUILD)/lock/bin/python tests/requirements/lock.py

clean: ## Remove everything that was built or installed
	rm -rf $(BUILD) demo-output .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find functions tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment for each requirements file. The files are complete, so nothing is resolved here:
# older pips refuse packages with extras when they resolve with hashes. The emulator's must be the function's Python.
$(BUILD)/emulator.installed: PYTHON := $(PYTHON313)

$(BUILD)/%.installed: tests/requirements/%.txt
	@echo "Installing $*"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x")'
	@rm -rf $(BUILD)/$*
	@$(PYTHON) -m venv $(BUILD)/$*
	@$(BUILD)/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@
