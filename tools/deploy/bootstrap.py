"""make bootstrap: once for each AWS account, what has to be there before its environments: terraform/bootstrap/.

The repository and its ids are in terraform/bootstrap/terraform.tfvars. All else follows from the files of the named
environment in terraform/environments/, and of the others in the same account.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

from tools.deploy.terraform import NoStateBucketError, TerraformError, Workspace, process_variables, setting
from tools.processes import hear_interrupts
from tools.project import CONFIGURATION, ROOT, environments

__all__ = ["Account", "account_of", "bootstrap"]

_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'

#: No environment's state is there: theirs are delayer/<environment>.tfstate.
_STATE_KEY = "bootstrap/delayer.tfstate"


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account: its environments with their regions, and the bucket for their states."""

    account_id: str
    environments: dict[str, str]
    bucket: str
    bucket_region: str


def account_of(environment: str) -> Account:
    """The account that an environment lives in, with all that live there. Raises TerraformError."""
    deployed = [each for each in environments() if each != "local"]
    if environment not in deployed:
        said = f"there is no account for environment {environment!r}" if environment else "no environment is named"
        raise TerraformError(f"{said}: give ENV= one of {', '.join(deployed)}")
    account_id = setting(f"environments/{environment}.tfvars", "account_id")
    together = [each for each in deployed if setting(f"environments/{each}.tfvars", "account_id") == account_id]
    places = {
        each: tuple(setting(f"environments/{each}.s3.tfbackend", name) for name in ("bucket", "region"))
        for each in together
    }
    if len(set(places.values())) > 1:
        raise TerraformError(
            f"{' and '.join(together)} live in one account, {account_id}, and keep their states in one bucket: their "
            f"files terraform/environments/*.s3.tfbackend have to name the same bucket and region"
        )
    bucket, region = places[environment]
    return Account(
        account_id, {each: setting(f"environments/{each}.tfvars", "region") for each in together}, bucket, region
    )


def bootstrap(environment: str) -> None:
    """Show what would be made or changed in the environment's account, ask, and do it. Raises TerraformError."""
    account = account_of(environment)
    workspace = _workspace(environment, account)
    override, state = workspace.folder / "local_override.tf", workspace.folder / "terraform.tfstate"
    override.unlink(missing_ok=True)
    # A state in a file is one of a first run that did not come to its end.
    is_first = state.exists() or not _has_bucket(workspace)
    if is_first:
        override.write_text(_LOCAL_STATE)
        Workspace(environment, workspace.folder, (), workspace.variables).init()
    workspace.run("apply")
    if is_first:
        override.unlink()
        workspace.init("-migrate-state", "-force-copy")
        for path in workspace.folder.glob("terraform.tfstate*"):
            path.unlink()
    print(
        f"\nThe account {account.account_id} is ready for {' and '.join(account.environments)}. The state of what was "
        f"made here is s3://{account.bucket}/{_STATE_KEY}.\nNext: make plan ENV={environment}"
    )


def _workspace(environment: str, account: Account) -> Workspace:
    folder = ROOT / "build" / "work" / f"bootstrap-{account.account_id}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_symlink():
            path.unlink()
    for path in (CONFIGURATION / "bootstrap").iterdir():
        if path.suffix in (".tf", ".hcl", ".tfvars"):
            (folder / path.name).symlink_to(path)
    backend = (
        f"bucket={account.bucket}",
        f"key={_STATE_KEY}",
        f"region={account.bucket_region}",
        "encrypt=true",
        "use_lockfile=true",
        f'allowed_account_ids=["{account.account_id}"]',
    )
    variables = {
        "TF_VAR_account_id": account.account_id,
        "TF_VAR_environments": json.dumps(account.environments),
        "TF_VAR_region": account.bucket_region,
        "TF_VAR_state_bucket": account.bucket,
    }
    return Workspace(environment, folder, backend, process_variables(variables, is_on_aws=True))


def _has_bucket(workspace: Workspace) -> bool:
    try:
        workspace.init()
    except NoStateBucketError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """The command line: an environment."""
    hear_interrupts()
    parser = argparse.ArgumentParser(prog="bootstrap", description=__doc__)
    parser.add_argument("environment", nargs="?", default="")
    try:
        bootstrap(parser.parse_args(arguments).environment)
    except (TerraformError, OSError) as error:
        print(f"make bootstrap: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make bootstrap: interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
