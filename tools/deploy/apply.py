"""make apply: apply the plan that make plan or make rollback wrote, and no other."""

from tools import terminal
from tools.deploy.plan import check_packages, open_environment, plan_files
from tools.deploy.tfvars import check_environment
from tools.project import CommandError


def apply(environment: str, *, is_offline: bool = False) -> None:
    """Apply exactly the plan that was written, with the packages planned then. Raises CommandError."""
    check_environment(environment)
    if is_offline:
        raise CommandError("an offline plan shows what a first apply would create; it can't be applied")
    files = plan_files(environment)
    if not files.plan.exists():
        raise CommandError(f"there is no plan to apply: run make plan ENV={environment} first, and read it")
    workspace = open_environment(environment)
    planned = workspace.read_json("show", "-json", str(files.plan))
    planned_for = planned["variables"]["environment"]["value"]
    if planned_for != environment:
        raise CommandError(f"the plan is for environment {planned_for}, not {environment}: run make plan again")
    check_packages(environment, planned)
    workspace.run("apply", "-input=false", str(files.plan))
    files.plan.unlink()
    files.mark.unlink(missing_ok=True)


if __name__ == "__main__":
    terminal.main("make apply", apply)
