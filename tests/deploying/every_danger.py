"""Every danger, live: `make dangers` applies prod to the embedded AWS, with its state in S3, and then plans what each
scenario of tests/tools/review changes, and reviews it: the dangers have to be named first, and the exit status to be 2.

It takes a quarter of an hour, so `make test` reviews kept plans instead. Names of scenarios plan only those.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.deploying.conftest import Account, make_clone
from tests.support.checkouts import ROOT, clean_environment
from tests.tools.review.real_plans import lay_out
from tests.tools.review.scenarios import SCENARIOS, TOPIC, Scenario
from tests.tools.review.test_dangers import EXPECTED
from tools.deploy.environments import read_values
from tools.deploy.terraform import TerraformError
from tools.local.stack import ACCESS_KEY, start_embedded_aws, stop
from tools.terminal import run

#: What is applied before the scenarios that are planned against it, in this order.
_APPLIED: dict[str, Scenario | None] = {
    "nothing": None,
    "prod": Scenario(),
    "topic": Scenario({"alarm_topic_arn": TOPIC}),
    "jwt": Scenario({"authorization": SCENARIOS["authorization_jwt"].variables["authorization"]}),
}

#: What can't be shown here: the embedded AWS forgets the settings of alarms, so that there is nothing to lose or to
#: compare, and the packages are the real ones.
_LEFT_OUT = ("alarm_topic_removed", "alarms_disabled", "alarms_renamed", "code")


#: Ignored by git, and so by the linters.
_WORK = ROOT / "build" / "work"


class Prod:
    """A clone, and the account that it deploys prod to."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._values = read_values("prod")
        self._variables = account.variables() | {"AWS_ACCESS_KEY_ID": self._values["account_id"]}
        self._folder = account.checkout / "terraform"

    def make(self, *arguments: str, scenario: Scenario | None = None, answer: str = "") -> None:
        """Run make, with a scenario's changes to the configuration. Raises TerraformError if it fails."""
        variables = dict(self._variables)
        if scenario:
            lay_out(self._folder, scenario)
            values = self._values | scenario.variables
            lines = (f"{name} = {json.dumps(value)}\n" for name, value in values.items())
            (self._folder / "environments" / "prod.tfvars").write_text("".join(lines))
            # What the embedded AWS has forgotten is not what the scenario is about.
            variables["TF_CLI_ARGS_plan"] = " ".join(("-refresh=false", *scenario.arguments))
        done = self._account.make(*arguments, variables=variables, answer=answer)
        if done.returncode:
            raise TerraformError(f"make {' '.join(arguments)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")

    @contextlib.contextmanager
    def without(self, addresses: Sequence[str]) -> Iterator[None]:
        """The state in S3 without some resources, as if somebody had deleted them by hand."""
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
        """Review the plan; make would end with 2 for any failure."""
        command = [".venv/tools/bin/python", "-m", "tools.review", "--environment", "prod"]
        return subprocess.run(  # noqa: S603 -- our own
            command, cwd=self._account.checkout, env=clean_environment(**self._variables),
            check=False, capture_output=True, text=True,
        )  # fmt: skip


def fault(name: str, status: int, page: str) -> str | None:
    """What is wrong with a review; None if it says what it has to."""
    expected = EXPECTED.get(name, [])
    if status != (2 if expected else 0):
        return f"it ended with {status}"
    if not expected:
        return None if "## Dangers" not in page else "it tells of a danger"
    head, _, rest = page.partition("| create | update |")
    if "## Dangers" not in head or not rest:
        return "the dangers don't come first"
    missing = [danger for danger, address, _ in expected if f"`{danger}` at `{address}`" not in head]
    return f"it doesn't tell of {', '.join(sorted(set(missing)))}" if missing else None


def every_danger(console: Console, names: Sequence[str]) -> bool:
    """Plan and review the scenarios; whether each review is right. Raises TerraformError."""
    if unknown := set(names) - set(SCENARIOS):
        raise TerraformError(f"there is no {', '.join(sorted(unknown))}: ONLY takes some of {', '.join(SCENARIOS)}")
    table = Table("scenario", "dangers", "review", "s", title="Every danger, planned against the state in S3")
    is_good = True
    _WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_WORK) as made:
        folder = Path(made)
        (folder / "embedded-aws").mkdir()
        stack = start_embedded_aws(folder / "embedded-aws", {})
        try:
            prod = Prod(Account(stack.endpoint, make_clone(folder / "clone"), folder))
            console.print("make bootstrap ENV=prod")
            prod.make("bootstrap", "ENV=prod", answer="yes\n")
            for applied, scenario in _APPLIED.items():
                those = [name for name, of in SCENARIOS.items() if of.applied == applied and name not in _LEFT_OUT]
                those = [name for name in those if name in names or not names]
                if not those:
                    continue
                if scenario:
                    console.print(f"make plan ENV=prod, make apply ENV=prod: {applied}")
                    prod.make("plan", "ENV=prod", scenario=scenario)
                    prod.make("apply", "ENV=prod")
                for name in those:
                    begun = time.monotonic()
                    missing = SCENARIOS[name].missing
                    with prod.without(missing) if missing else contextlib.nullcontext():
                        prod.make("plan", "ENV=prod", scenario=SCENARIOS[name])
                    review = prod.review()
                    wrong = fault(name, review.returncode, review.stdout)
                    is_good = is_good and wrong is None
                    said = f"{review.returncode}" if wrong is None else f"{wrong}: {review.stderr[-300:]}"
                    dangers = ", ".join(dict.fromkeys(danger for danger, _, _ in EXPECTED.get(name, [])))
                    table.add_row(name, dangers, said, f"{time.monotonic() - begun:.0f}")
                    console.print(f"  {name}: {said}")
        finally:
            stop(stack.folder)
    console.print(table)
    return is_good


if __name__ == "__main__":
    run("make dangers", lambda console: every_danger(console, sys.argv[1:]))
