"""make destroy: destroy an environment, after a question; refused while it is protected."""

from __future__ import annotations

import sys

from tools.deploy.plan import open_environment, parse_environment
from tools.project import CommandError
from tools.terminal import end
from tools.terraform import resources


def destroy(environment: str, *, is_offline: bool = False) -> None:
    """Destroy an environment, once Terraform has shown what and asked. Raises CommandError, also if it is protected.

    AWS itself refuses to delete the protected table, but only after the queue with its messages and the stream's only
    reader are gone.
    """
    if is_offline:
        raise CommandError("there is nothing to destroy offline")
    workspace = open_environment(environment)
    for table in resources(workspace.read_json("show", "-json").get("values", {}), "aws_dynamodb_table"):
        if table["deletion_protection_enabled"]:
            raise CommandError(
                f"{environment} is protected, and its schedules and messages would be lost: if that is meant, set "
                f"deletion_protection = false in terraform/environments/{environment}.tfvars and apply that first"
            )
    workspace.run("destroy", f"-var-file=environments/{environment}.tfvars")


def main(arguments: list[str]) -> None:
    """Run `make destroy`: an environment, and --offline, which is refused. Exits."""

    def action() -> None:
        environment, is_offline = parse_environment(arguments)
        destroy(environment, is_offline=is_offline)

    end("make destroy", action)


if __name__ == "__main__":
    main(sys.argv[1:])
