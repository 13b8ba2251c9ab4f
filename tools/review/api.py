"""The API: whether it leads anywhere, who is let in, and how often."""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import Danger, new_value, old_value, quoted
from tools.review.plan import Plan, at, is_blank

__all__ = ["authorization_dangers", "route_dangers", "throttling_dangers"]

#: A raise of the throttling up to this factor is an everyday one.
_THROTTLING_FACTOR = 2


def route_dangers(plan: Plan) -> Iterator[Danger]:
    """Requests no longer reach the function, though the API stays."""
    lost = {change.module for change in plan.of_type("aws_apigatewayv2_api") if change.is_gone}
    routes = [change for change in plan.resources if change.type == "aws_apigatewayv2_route"]
    kept = [at(route.after, "route_key") for route in routes]
    for change in routes:
        key = at(change.before, "route_key")
        if change.exists and change.action != "forget" and key not in kept and change.module not in lost:
            lost.add(change.module)
            yield Danger(
                "route-destroyed",
                change.address,
                f"Clients could not post: the API would have no route {quoted(key)}.",
            )
    integrations = [change for change in plan.resources if change.type == "aws_apigatewayv2_integration"]
    for change in integrations:
        others = [other for other in integrations if other.module == change.module and other.action != "destroy"]
        if change.action == "destroy" and not others and change.module not in lost:
            yield Danger(
                "route-destroyed",
                change.address,
                "Clients could not post: the API would have a route, and no function that it leads to.",
            )


def authorization_dangers(plan: Plan) -> Iterator[Danger]:
    """Everyone is let in, or others than now."""
    for change in plan.of_type("aws_apigatewayv2_route"):
        new = at(change.after, "authorization_type")
        is_open = is_blank(new) or new == "NONE"
        if change.action != "destroy" and is_open and new != at(change.before, "authorization_type"):
            yield Danger(
                "authorization-removed",
                change.address,
                f"Anyone on the internet could post schedules: the route {quoted(at(change.after, 'route_key'))} would "
                "ask for no authorization.",
            )
        elif change.action != "destroy" and change.is_changed("authorization_type"):
            yield Danger(
                "authorization-changed",
                change.address,
                f"Clients that are let in by {old_value(change, 'authorization_type')} now would be refused, and "
                f"others let in by {quoted(new)}.",
            )
    for change in plan.of_type("aws_apigatewayv2_authorizer"):
        for path, what in (("jwt_configuration.issuer", "issued by"), ("jwt_configuration.audience", "meant for")):
            if change.action != "destroy" and change.is_changed(path):
                yield Danger(
                    "authorization-changed",
                    change.address,
                    f"Tokens {what} {new_value(change, path)} would be accepted, and no longer those {what} "
                    f"{old_value(change, path)}: other clients could post than now.",
                )
    for change in plan.of_type("aws_lambda_function_url"):
        if at(change.after, "authorization_type") == "NONE" != at(change.before, "authorization_type"):
            yield Danger(
                "authorization-removed",
                change.address,
                "Anyone on the internet could call the function: its URL would ask for no authorization.",
            )


def throttling_dangers(plan: Plan) -> Iterator[Danger]:
    """More requests are taken than an everyday raise would allow."""
    for change in plan.of_type("aws_apigatewayv2_stage"):
        if change.action == "destroy":
            continue
        for limit, unit in (("rate", "requests a second"), ("burst", "requests at once")):
            path = f"default_route_settings.throttling_{limit}_limit"
            old, new = at(change.before, path), at(change.after, path)
            if change.exists and old == new:
                continue
            if not isinstance(new, int | float) or new <= 0:
                yield Danger(
                    "throttling-loosened",
                    change.address,
                    "One client could use up what all APIs of the account may take, and fill the table: the API would "
                    f"have no limit of {unit} of its own (now {quoted(old)}; planned {quoted(new)}).",
                )
            elif isinstance(old, int | float) and new > _THROTTLING_FACTOR * old > 0:
                yield Danger(
                    "throttling-loosened",
                    change.address,
                    f"A client, or a loop gone wrong, could post {quoted(new)} {unit} instead of {quoted(old)}, each a "
                    "schedule to be stored, sent and paid for.",
                )
