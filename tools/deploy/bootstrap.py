"""make bootstrap: prepare an AWS account for its environments, by terraform/bootstrap/ and terraform/environments/."""

import copy
import json
from typing import NamedTuple

from tools import terminal
from tools.project import CONFIGURATION, WORK, CommandError, check_environment, deployed_environments
from tools.terraform import NoStateBucketError, Workspace, process_variables, setting

#: No environment's state is there: theirs are delayer/<environment>.tfstate.
_STATE_KEY = "bootstrap/delayer.tfstate"


class Account(NamedTuple):
    """An AWS account: its environments with their regions, and the bucket for their states."""

    account_id: str
    environments: dict[str, str]
    bucket: str
    bucket_region: str


def account_of(environment: str) -> Account:
    """Return the account that an environment lives in, with all environments of that account. Raises CommandError."""
    deployed = deployed_environments()
    check_environment(environment, deployed)
    account_ids = {each: setting(f"environments/{each}.tfvars", "account_id") for each in deployed}
    account_id = account_ids[environment]
    together = [each for each in deployed if account_ids[each] == account_id]
    regions = {each: setting(f"environments/{each}.tfvars", "region") for each in together}
    files = [f"environments/{each}.s3.tfbackend" for each in together]
    buckets = {(setting(file, "bucket"), setting(file, "region")) for file in files}
    if len(buckets) > 1:
        raise CommandError(
            f"{' and '.join(regions)} live in one account, {account_id}, and keep their states in one bucket: their "
            f"files terraform/environments/*.s3.tfbackend must name the same bucket and region"
        )
    return Account(account_id, regions, *buckets.pop())


def bootstrap(environment: str) -> None:
    """Show the changes to the environment's account, ask, and apply them. Raises CommandError."""
    account = account_of(environment)
    workspace = _workspace(environment, account)
    override = workspace.folder / "local_override.tf"
    override.unlink(missing_ok=True)
    # A state in a file is left by a first run that was interrupted.
    is_first = (workspace.folder / "terraform.tfstate").exists()
    if not is_first:
        try:
            workspace.init()
        except NoStateBucketError:
            is_first = True
    if is_first:
        override.write_text('terraform {\n  backend "local" {}\n}\n')
        copy.replace(workspace, backend=()).init()
    workspace.run("apply")
    if is_first:
        override.unlink()
        workspace.init("-migrate-state", "-force-copy")
        for path in workspace.folder.glob("terraform.tfstate*"):
            path.unlink()
    print(
        f"\nThe account {account.account_id} is ready for {' and '.join(account.environments)}. The state of these "
        f"resources is s3://{account.bucket}/{_STATE_KEY}.\nNext: make plan ENV={environment}"
    )


def _workspace(environment: str, account: Account) -> Workspace:
    folder = WORK / f"bootstrap-{account.account_id}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_symlink():
            path.unlink()
    for path in (CONFIGURATION / "bootstrap").iterdir():
        if path.suffix in (".tf", ".hcl", ".tfvars"):
            (folder / path.name).symlink_to(path)
    # The environment's own settings, but for the key.
    file = CONFIGURATION / "environments" / f"{environment}.s3.tfbackend"
    backend = (str(file), f"key={_STATE_KEY}", f'allowed_account_ids=["{account.account_id}"]')
    variables = {
        "TF_VAR_account_id": account.account_id,
        "TF_VAR_environments": json.dumps(account.environments),
        "TF_VAR_region": account.bucket_region,
        "TF_VAR_state_bucket": account.bucket,
    }
    return Workspace(environment, folder, backend, process_variables(variables, is_on_aws=True))


if __name__ == "__main__":
    terminal.main("make bootstrap", bootstrap, interrupted="interrupted; run it again to go on")
