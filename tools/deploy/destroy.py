"""make destroy: destroy an environment, after a question; refused while it is protected."""

from tools import terminal
from tools.deploy.plan import open_environment
from tools.deploy.tfvars import check_environment
from tools.project import CommandError
from tools.terraform import resources


def destroy(environment: str, *, is_offline: bool = False) -> None:
    """Destroy an environment, once Terraform has shown what and asked. Raises CommandError, also if it is protected.

    AWS itself refuses to delete the protected table, but only after the queue with its messages and the stream's only
    reader are gone.
    """
    check_environment(environment)
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


if __name__ == "__main__":
    terminal.main("make destroy", destroy)
