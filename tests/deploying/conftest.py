"""From an empty account to an applied dev, by the commands of docs/operations/deploying.md, on the embedded AWS.

The S3 backend is the real one, Terraform assumes the roles by GitHub's token as in a workflow, and every call is judged
by the roles' policies. Nothing of that is in the configuration: environment variables name the embedded AWS. It is set
up once; what can go wrong is tried meanwhile, where it can, since an apply waits most of the time.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.checkouts import ROOT, clean_environment
from tests.support.waiting import comes_true
from tools.local.stack import start_embedded_aws, stop

#: dev's, as its files have it. The embedded AWS takes an account's number as the key of its root user.
ACCOUNT, REGION, BUCKET = "111122223333", "eu-west-1", "delayer-dev-terraform-state"
REPOSITORY = "orders/delayer"

#: Where Terraform locks dev's state.
LOCK = {"Bucket": BUCKET, "Key": "delayer/dev.tfstate.tflock"}

PLAN_ROLE, APPLY_ROLE = "terraform-delayer-plan", "terraform-delayer-apply-dev"

#: How the subject of its tokens begins, by whether the repository is one whose tokens name ids.
OWNER_ID, REPOSITORY_ID = "123456", "1332703028"
NEWER, OLDER = f"repo:orders@{OWNER_ID}/delayer@{REPOSITORY_ID}", f"repo:{REPOSITORY}"

#: Which job of which workflow a token is for.
PULL_REQUEST, DEV = f"{NEWER}:pull_request", f"{NEWER}:environment:dev"

#: prod's account, whose repository is an older one.
PROD_ACCOUNT = "777788889999"

#: A change that the embedded AWS makes of every plan, because it doesn't keep what an alarm does without values.
FORGOTTEN_ALARMS = f"""
[[accepted]]
danger = "alarms-loosened"
address = "*.monitoring"
reason = "The embedded AWS forgets treat_missing_data."
expires = {datetime.now(UTC).date() + timedelta(days=1)}
"""

#: dev's capacity, which no environment sets: its autoscaling needs permissions of its own.
CAPACITY = "\ntable_capacity = { read = { least = 5, most = 50 }, write = { least = 10, most = 100 } }\n"

type Clients = Callable[[str], Any]
type Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account, and a checkout to deploy from."""

    endpoint: str
    checkout: Path
    tokens: Path

    def client(self, service: str, **credentials: str) -> Any:
        """A client of the account's root user, or with other credentials."""
        credentials = credentials or {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test"}
        config = Config(proxies={}, retries={"total_max_attempts": 1})
        return boto3.client(  # type: ignore[call-overload]
            service, config=config, endpoint_url=self.endpoint, region_name=REGION, **credentials
        )

    def clients_of(self, role: str, subject: str, account_id: str = ACCOUNT) -> Clients:
        """Clients of who has assumed a role by a token for this subject. Raises ClientError if that is refused."""
        config = Config(proxies={}, signature_version=UNSIGNED)
        sts = boto3.client("sts", config=config, endpoint_url=self.endpoint, region_name=REGION)
        said = sts.assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{account_id}:role/{role}", RoleSessionName="test", WebIdentityToken=token(subject)
        )
        return self.session(said)

    def session(self, said: dict[str, Any]) -> Clients:
        """Return clients of the session that STS has answered with."""
        found = said["Credentials"]
        credentials = {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }
        return lambda service: self.client(service, **credentials)

    def variables(self, role: str = "", subject: str = "") -> dict[str, str]:
        """The environment of a person who is the root user, or of a job that assumes a role."""
        here = {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            # Terraform's S3 backend takes the general one for all but the assuming of a role.
            "AWS_ENDPOINT_URL_STS": self.endpoint,
            "NO_PROXY": "127.0.0.1",
        }
        if not role:
            return here | {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"}
        path = self.tokens / role
        path.write_text(token(subject))
        return here | {
            "AWS_REGION": REGION,
            "AWS_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{role}",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(path),
        }

    def make(self, *arguments: str, variables: Mapping[str, str], answer: str = "") -> Done:
        """Run make, and answer what it asks."""
        return subprocess.run(  # noqa: S603 -- our own command
            ["make", *arguments],  # noqa: S607 -- the user's make
            cwd=self.checkout, env=clean_environment(**variables), input=answer,
            # Below the time limit of a test, which can't end what a thread waits for.
            check=False, capture_output=True, text=True, timeout=900,
        )  # fmt: skip


@dataclass(slots=True)
class History:
    """What each command of the walk said, by its name."""

    account: Account
    said: dict[str, Done] = field(default_factory=dict)


def token(subject: str) -> str:
    """A token as GitHub gives one to a job. The embedded AWS reads what it says, and doesn't check its signature."""
    claims = {"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com", "sub": subject}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "signature"])


def make_clone(root: Path, *, is_older: bool = False) -> Path:
    """Make a clone with this checkout's zips and tools, whose user has named the repository, and a newer one's ids."""
    root.mkdir()
    for name in ("src", "terraform", "tools"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    (root / "build").mkdir()
    for path in [*(ROOT / "build").glob("*.*"), ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "requirements.txt"]:
        shutil.copy2(path, root / path.relative_to(ROOT))
    for name in (".venv", "build/work/cache"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(ROOT / name)
    tfvars = root / "terraform" / "bootstrap" / "terraform.tfvars"
    ids = {} if is_older else {"repository_owner_id": OWNER_ID, "repository_id": REPOSITORY_ID}
    values = {"repository": REPOSITORY} | ids
    tfvars.write_text("".join(f'{name} = "{value}"\n' for name, value in values.items()))
    return root


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An empty account."""
    folder = tmp_path_factory.mktemp("deploying")
    embedded_aws = folder / "embedded-aws"
    embedded_aws.mkdir()
    (folder / "tokens").mkdir()
    plugins = "tests.support.emulated_autoscaling tests.support.emulated_iam"
    try:
        stack = start_embedded_aws(embedded_aws, {"EMBEDDED_AWS_PLUGINS": plugins})
        clone = make_clone(folder / "clone")
        with (clone / "terraform" / "environments" / "dev.tfvars").open("a") as tfvars:
            tfvars.write(CAPACITY)
        yield Account(stack.endpoint, clone, folder / "tokens")
    finally:
        stop(embedded_aws)


@pytest.fixture(scope="session")
def history(account: Account, tmp_path_factory: pytest.TempPathFactory) -> History:
    """All that was done, in this order."""
    history = History(account)
    person = account.variables()
    job = account.variables(APPLY_ROLE, DEV)
    # Another person's: what is done in it disturbs nothing.
    other = Account(account.endpoint, make_clone(tmp_path_factory.mktemp("other") / "clone"), account.tokens)
    older_clone = make_clone(tmp_path_factory.mktemp("older") / "clone", is_older=True)
    older = Account(account.endpoint, older_clone, account.tokens)

    def do(name: str, account: Account, *arguments: str, variables: Mapping[str, str], answer: str = "") -> Done:
        history.said[name] = account.make(*arguments, variables=variables, answer=answer)
        return history.said[name]

    def must(name: str, *arguments: str, variables: Mapping[str, str], answer: str = "") -> None:
        done = do(name, account, *arguments, variables=variables, answer=answer)
        assert done.returncode == 0, f"{name}: {done.stdout[-2000:]}{done.stderr}"

    do("plan before the bootstrap", other, "plan", "ENV=dev", variables=person)
    with ThreadPoolExecutor() as pool:
        bootstrapping = pool.submit(must, "bootstrap", "bootstrap", "ENV=dev", variables=person, answer="yes\n")
        prod = person | {"AWS_ACCESS_KEY_ID": PROD_ACCOUNT}
        bootstrapping_prod = pool.submit(
            do, "bootstrap of an older repository", older, "bootstrap", "ENV=prod", variables=prod, answer="yes\n"
        )
        wrong = person | {"AWS_ACCESS_KEY_ID": "999988887777"}
        do("plan for another account", other, "plan", "ENV=dev", variables=wrong)
        none = {name: value for name, value in person.items() if "KEY" not in name}
        do("plan without credentials", other, "plan", "ENV=dev", variables=none)
        unknown = person | {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}
        do("plan with unknown credentials", other, "plan", "ENV=dev", variables=unknown)
        wait_for_roles(account)
        must("plan", "plan", "ENV=dev", variables=job)
        applying = pool.submit(must, "apply", "apply", "ENV=dev", variables=job)
        lock = lock_of(account, applying)
        bootstrapping.result()
        do("bootstrap again", other, "bootstrap", "ENV=dev", variables=person)
        applying.result()
        bootstrapping_prod.result()
    # The apply's own lock, put back: on a slow machine the apply could end before the plan begins.
    s3 = account.client("s3")
    s3.put_object(**LOCK, Body=lock)
    do("plan while another applies", other, "plan", "ENV=dev", variables=person)
    s3.delete_object(**LOCK)
    without_lock = account.variables(PLAN_ROLE, PULL_REQUEST) | {"TF_CLI_ARGS_plan": "-lock=false"}
    (account.checkout / "terraform" / "environments" / "dev.accepted.toml").write_text(FORGOTTEN_ALARMS)
    must("second plan", "plan", "ENV=dev", variables=without_lock)
    must("review of the second plan", "review", "ENV=dev", variables=without_lock)
    tfvars = account.checkout / "terraform" / "environments" / "dev.tfvars"
    content = tfvars.read_text()
    path = account.checkout / "build" / "plans" / "dev.tfplan"
    second = path.read_bytes()
    tfvars.write_text(content.replace("shard_count = 4", "shard_count = 2"))
    must("plan of fewer shards", "plan", "ENV=dev", variables=without_lock)
    do("review of fewer shards", account, "review", "ENV=dev", variables=without_lock)
    tfvars.write_text(content)
    path.write_bytes(second)
    change_state(account)
    do("apply of a plan of an earlier state", account, "apply", "ENV=dev", variables=job)
    return history


def wait_for_roles(account: Account) -> None:
    """Wait for all that a bootstrap makes, but not for the minute that the provider watches the bucket's lifecycle."""
    iam, s3 = account.client("iam"), account.client("s3")

    def is_made() -> bool:
        try:
            iam.get_role_policy(RoleName=APPLY_ROLE, PolicyName="read")
            iam.get_role_policy(RoleName=APPLY_ROLE, PolicyName="write")
            iam.get_role_policy(RoleName=PLAN_ROLE, PolicyName="read")
            s3.get_bucket_policy(Bucket=BUCKET)
            s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)
        except ClientError:
            return False
        attached = {APPLY_ROLE: 2, PLAN_ROLE: 1}
        return all(
            len(iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]) == count
            for role, count in attached.items()
        )

    assert comes_true(is_made), "the bootstrap made no roles"


def lock_of(account: Account, applying: Future[None]) -> bytes:
    """Wait for the lock that an apply takes on the state; its content."""
    s3 = account.client("s3")
    found: list[bytes] = []

    def is_locked() -> bool:
        with contextlib.suppress(ClientError):
            found.append(s3.get_object(**LOCK)["Body"].read())
        return bool(found) or applying.done()

    assert comes_true(is_locked)
    assert found, "the apply ended without a lock on the state"
    return found[0]


def change_state(account: Account) -> None:
    """What another's apply does to the state, as far as a plan is concerned."""
    s3 = account.client("s3")
    state = json.loads(s3.get_object(Bucket=BUCKET, Key="delayer/dev.tfstate")["Body"].read())
    state["serial"] += 1
    s3.put_object(Bucket=BUCKET, Key="delayer/dev.tfstate", Body=json.dumps(state).encode())
