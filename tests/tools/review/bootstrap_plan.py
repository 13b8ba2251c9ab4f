"""Make other_plans/bootstrap.json anew, a plan of another root: `python -m tests.tools.review.bootstrap_plan`.

It is what Terraform says of a first apply of terraform/bootstrap/, with nothing asked of AWS, cut to two resources.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from tools.deploy.plan import NO_CREDENTIALS
from tools.project import CONFIGURATION
from tools.terraform import LOCAL_STATE, Workspace, process_variables

__all__ = ["BOOTSTRAP_PLAN"]

BOOTSTRAP_PLAN = Path(__file__).parent / "other_plans" / "bootstrap.json"

_KEPT = ("format_version", "terraform_version", "variables", "checks", "applyable", "complete", "errored")
_ADDRESSES = ('aws_iam_policy.boundary["dev"]', "aws_s3_bucket.state")

_VARIABLES = {
    "account_id": "111122223333",
    "environments": {"dev": "eu-west-1"},
    "region": "eu-west-1",
    "repository": "orders/delayer",
    "state_bucket": "orders-terraform-state",
}


def _make() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "bootstrap"
        shutil.copytree(CONFIGURATION / "bootstrap", folder, ignore=shutil.ignore_patterns(".terraform", "*.tfvars"))
        (folder / "local_override.tf").write_text(LOCAL_STATE)
        (folder / "dev.tfvars.json").write_text(json.dumps(_VARIABLES))
        workspace = Workspace("dev", folder, (), process_variables(NO_CREDENTIALS, is_on_aws=False))
        workspace.init()
        workspace.read("plan", "-input=false", "-refresh=false", "-var-file=dev.tfvars.json", "-out=bootstrap.tfplan")
        plan = json.loads(workspace.read("show", "-json", "bootstrap.tfplan"))
    kept = {name: plan[name] for name in _KEPT}
    kept["resource_changes"] = [found for found in plan["resource_changes"] if found["address"] in _ADDRESSES]
    BOOTSTRAP_PLAN.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    _make()
