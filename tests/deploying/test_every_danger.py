"""Every danger, live: prod is applied to the embedded AWS with its state in S3; each scenario is planned and reviewed.

It takes a quarter of an hour, so only `make dangers` runs it. The other tests review kept plans.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.deploying.conftest import FORGOTTEN_ALARMS, Account, make_clone
from tests.support.checkouts import clean_environment
from tests.support.review.expected import DANGERS_OF
from tests.support.review.planner import lay_out
from tests.support.review.scenarios import CAPACITY, SCENARIOS, TOPIC, Scenario
from tools.deploy.environments import read_values
from tools.local.stack import ACCESS_KEY, start_embedded_aws, stop

pytestmark = pytest.mark.dangers

#: The configurations to apply, in this order, before the scenarios that are planned against them.
_APPLIED: dict[str, Scenario | None] = {
    "nothing": None,
    "prod": Scenario(),
    "capacity": Scenario({"table_capacity": CAPACITY}),
    "topic": Scenario({"alarm_topic_arn": TOPIC}),
    "jwt": Scenario({"authorization": SCENARIOS["authorization_jwt"].variables["authorization"]}),
}

#: The embedded AWS forgets the settings of alarms, so there is nothing to lose or to compare; the packages are real.
_LEFT_OUT = ("alarm_topic_removed", "alarms_disabled", "alarms_renamed", "code")

_NAMES = sorted(set(SCENARIOS) - set(_LEFT_OUT), key=lambda name: list(_APPLIED).index(SCENARIOS[name].applied))


class Prod:
    """A clone, and the account that it deploys prod to."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._applied = "nothing"
        self._values = read_values("prod")
        self._variables = account.variables() | {"AWS_ACCESS_KEY_ID": self._values["account_id"]}
        self._folder = account.checkout / "terraform"

    def make(self, *arguments: str, scenario: Scenario | None = None, answer: str = "") -> None:
        """Run make, with a scenario's changes to the configuration."""
        variables = dict(self._variables)
        if scenario:
            lay_out(self._folder, scenario)
            values = self._values | scenario.variables
            lines = (f"{name} = {json.dumps(value)}\n" for name, value in values.items())
            (self._folder / "environments" / "prod.tfvars").write_text("".join(lines))
            (self._folder / "environments" / "prod.accepted.toml").write_text(FORGOTTEN_ALARMS)
            # Without it the plan would also hold the settings that the embedded AWS has forgotten.
            variables["TF_CLI_ARGS_plan"] = " ".join(("-refresh=false", *scenario.arguments))
        done = self._account.make(*arguments, variables=variables, answer=answer)
        assert done.returncode == 0, f"make {' '.join(arguments)}:\n{done.stdout[-1000:]}{done.stderr[-2000:]}"

    def apply(self, name: str) -> None:
        """Apply the state that a scenario is planned against, unless it is applied."""
        if name != self._applied:
            self.make("plan", "ENV=prod", scenario=_APPLIED[name])
            self.make("apply", "ENV=prod")
            self._applied = name

    @contextlib.contextmanager
    def without(self, addresses: Sequence[str]) -> Iterator[None]:
        """Take resources out of the state in S3, as if somebody had deleted them by hand."""
        if not addresses:
            yield
            return
        s3 = self._account.client("s3", aws_access_key_id=self._values["account_id"], aws_secret_access_key=ACCESS_KEY)
        backend = (self._folder / "environments" / "prod.s3.tfbackend").read_text()
        place = {
            name.capitalize(): value for name, value in re.findall(r'^(bucket|key) *= "(.+)"$', backend, re.MULTILINE)
        }
        before = s3.get_object(**place)["Body"].read()
        state = json.loads(before)
        state["resources"] = [
            found
            for found in state["resources"]
            if f"{found.get('module')}.{found['type']}.{found['name']}" not in addresses
        ]
        s3.put_object(**place, Body=json.dumps(state).encode())
        try:
            yield
        finally:
            s3.put_object(**place, Body=before)

    def review(self) -> subprocess.CompletedProcess[str]:
        """Review the plan without make, which would end with 2 for any failure."""
        command = [".venv/tools/bin/python", "-m", "tools.review", "--environment", "prod"]
        return subprocess.run(  # noqa: S603 -- our own
            command, cwd=self._account.checkout, env=clean_environment(**self._variables),
            check=False, capture_output=True, text=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prod]:
    """Return prod in an account that is bootstrapped."""
    folder = Path(tmp_path_factory.mktemp("every_danger"))
    (folder / "embedded-aws").mkdir()
    plugins = {"EMBEDDED_AWS_PLUGINS": "tests.support.emulated_autoscaling"}
    try:
        stack = start_embedded_aws(folder / "embedded-aws", plugins)
        found = Prod(Account(stack.endpoint, make_clone(folder / "clone"), folder))
        found.make("bootstrap", "ENV=prod", answer="yes\n")
        yield found
    finally:
        stop(folder / "embedded-aws")


@pytest.mark.parametrize("name", _NAMES)
def test_review_names_dangers(prod: Prod, name: str) -> None:
    """Every expected danger stands before the counts, with its address, and makes the exit status 2."""
    scenario, expected = SCENARIOS[name], DANGERS_OF.get(name, [])
    prod.apply(scenario.applied)
    with prod.without(scenario.missing):
        prod.make("plan", "ENV=prod", scenario=scenario)
    done = prod.review()
    assert done.returncode == (2 if expected else 0), done.stderr
    head, _, rest = done.stdout.partition("**Changes:**")
    assert rest
    assert ("## Dangers" in head) == bool(expected)
    assert [each for each in expected if f"`{each[0]}` at `{each[1]}`" not in head] == []
