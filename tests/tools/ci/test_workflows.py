"""The workflows: every command runs here as well, nothing is allowed that isn't used, and a fork gets nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.checkouts import ROOT
from tools.deploy.environments import read_values
from tools.project import deployed_environments

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

#: What a job may be allowed, and what in it needs that. Nothing else is allowed anywhere.
NEEDED_FOR = {
    "actions: read": r"make ci-(comment|fetch|issue)",
    "contents: read": r"actions/checkout@",
    "deployments: read": r"make ci-deployed",
    "id-token: write": r"aws-actions/configure-aws-credentials@",
    "issues: write": r"make ci-issue",
    "pull-requests: read": r"make ci-fetch",
    "pull-requests: write": r"make ci-comment",
}


class Job(NamedTuple):
    """One job of a workflow."""

    workflow: str
    name: str
    content: dict[str, Any]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Its steps; none if it calls another workflow."""
        return list(self.content.get("steps", []))

    @property
    def permissions(self) -> list[str]:
        """What its token may."""
        return [f"{scope}: {access}" for scope, access in self.content["permissions"].items()]


def read(path: Path) -> dict[str, Any]:
    """A workflow. YAML takes its key `on` for true."""
    content: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {"on" if key is True else str(key): value for key, value in content.items()}


def jobs() -> Iterator[Job]:
    """Every job of every workflow."""
    for path in WORKFLOWS:
        for name, content in read(path)["jobs"].items():
            yield Job(path.stem, name, content)


JOBS = list(jobs())
WITH_STEPS = [job for job in JOBS if job.steps]


def test_there_are_workflows() -> None:
    """What the tests below say is said of something."""
    assert {path.stem for path in WORKFLOWS} == {"apply", "apply-environment", "ci", "drift", "plan"}
    assert len(WITH_STEPS) == 8


@pytest.mark.parametrize("job", WITH_STEPS, ids=lambda job: f"{job.workflow}.{job.name}")
class TestSteps:
    """What a job with steps does."""

    def test_every_command_is_a_target(self, job: Job) -> None:
        """A step runs one make target without arguments, so that the same command runs on a laptop."""
        targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
        commands = [step["run"] for step in job.steps if "run" in step]
        assert commands
        for command in commands:
            assert re.fullmatch(r"make [a-z-]+", command)
            assert command.removeprefix("make ") in targets | {"review"}

    def test_every_action_is_a_commit(self, job: Job) -> None:
        """An action is pinned to a commit, and a comment has its version."""
        text = (ROOT / ".github" / "workflows" / f"{job.workflow}.yml").read_text()
        for step in job.steps:
            if "uses" in step:
                assert re.fullmatch(r"(actions|aws-actions)/[a-z-]+@[0-9a-f]{40}", step["uses"])
                assert re.search(rf"{step['uses']} # v[0-9]+\.[0-9]+\.[0-9]+\n", text)

    def test_no_more_is_allowed_than_is_used(self, job: Job) -> None:
        """Each permission has a step that needs it, and each step its permissions."""
        does = "\n".join(step.get("run", step.get("uses", "")) for step in job.steps)
        for permission, pattern in NEEDED_FOR.items():
            assert (permission in job.permissions) == bool(re.search(pattern, does)), permission
        assert set(job.permissions) <= NEEDED_FOR.keys()

    def test_nothing_is_kept_or_endless(self, job: Job) -> None:
        """No checkout leaves a token behind, and every job ends."""
        checkouts = [step for step in job.steps if step.get("uses", "").startswith("actions/checkout@")]
        assert checkouts
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
        assert 0 < job.content["timeout-minutes"] <= 45

    def test_writing_and_aws_are_apart(self, job: Job) -> None:
        """A job that has AWS credentials can't write to the repository's issues and pull requests."""
        assert not {"id-token: write", "issues: write"} <= set(job.permissions)
        assert not {"id-token: write", "pull-requests: write"} <= set(job.permissions)

    def test_aws_is_asked_in_the_environments_region(self, job: Job) -> None:
        """The region of the credentials is the one that every environment is in."""
        regions = {step["with"]["aws-region"] for step in job.steps if "aws-region" in step.get("with", {})}
        assert regions <= {read_values(name)["region"] for name in deployed_environments()}
        assert bool(regions) == ("id-token: write" in job.permissions)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
class TestWorkflow:
    """What holds for a whole workflow."""

    def test_a_fork_gets_nothing(self, path: Path) -> None:
        """No trigger gives a fork's code our token; where a job has more than a look, the fork's doesn't begin."""
        workflow = read(path)
        triggers = workflow["on"]
        assert set(triggers) <= {"pull_request", "push", "schedule", "workflow_call", "workflow_dispatch"}
        if "pull_request" in triggers:
            for job in workflow["jobs"].values():
                if job["permissions"] != {"contents": "read"}:
                    assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]

    def test_nothing_is_allowed_by_default(self, path: Path) -> None:
        """A job has what it says, and no more."""
        assert read(path)["permissions"] == {}

    def test_no_secret_is_kept(self, path: Path) -> None:
        """There is no key to steal: roles are assumed by the job's own token."""
        assert "secrets." not in path.read_text()

    def test_one_at_a_time(self, path: Path) -> None:
        """Runs of one kind don't meet; who is called runs in the caller's turn. An apply is never ended."""
        workflow = read(path)
        if "workflow_call" in workflow["on"]:
            return
        assert workflow["concurrency"]["group"].startswith(path.stem)
        if path.stem == "apply":
            assert workflow["concurrency"] == {"group": "apply", "cancel-in-progress": False}


class TestEnvironments:
    """Every environment is planned, applied and looked after."""

    def test_order_of_promotion(self) -> None:
        """One environment is applied after the other, and what it needs is allowed it."""
        called = read(ROOT / ".github" / "workflows" / "apply.yml")["jobs"]
        assert tuple(called) == deployed_environments()
        assert [job.get("needs") for job in called.values()] == [None, "dev", "staging"]
        (applies,) = [job for job in JOBS if job.workflow == "apply-environment"]
        for name, job in called.items():
            role = f"${{{{ vars.{name.upper()}_APPLY_ROLE_ARN }}}}"
            assert job["with"] == {"environment": name, "role": role}
            assert job["permissions"] == applies.content["permissions"]
        assert applies.content["environment"] == "${{ inputs.environment }}"

    @pytest.mark.parametrize("workflow", ["plan", "drift"])
    def test_all_are_planned(self, workflow: str) -> None:
        """Each is planned with a role that may read, and without the lock that it couldn't take."""
        (job,) = [job for job in JOBS if (job.workflow, job.name) == (workflow, "plan")]
        planned = job.content["strategy"]["matrix"]["include"]
        roles = [
            {"environment": name, "role": f"${{{{ vars.{name.upper()}_PLAN_ROLE_ARN }}}}"}
            for name in deployed_environments()
        ]
        assert planned == roles
        assert job.content["strategy"]["fail-fast"] is False
        assert job.content["env"]["TF_CLI_ARGS_plan"] == "-lock=false"

    @pytest.mark.parametrize("workflow", ["plan", "drift", "apply-environment"])
    def test_one_terraform(self, workflow: str) -> None:
        """All run the locked Terraform: a plan can be applied by no other version than the one that made it."""
        assert read(ROOT / ".github" / "workflows" / f"{workflow}.yml")["env"] == {"TERRAFORM": "locked"}
