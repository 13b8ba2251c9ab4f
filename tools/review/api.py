"""The API: whether it leads to its function, and how often it calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, old_value, quoted
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank
from tools.review.settings import is_same_function

__all__ = ["integration_dangers", "route_dangers", "throttling_dangers"]

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
    stages = [change for change in plan.resources if change.type == "aws_apigatewayv2_stage"]
    names = [(stage.module, at(stage.after, "name")) for stage in stages]
    for change in stages:
        name = at(change.before, "name")
        if change.is_gone and (change.module, name) not in names and change.module not in lost:
            yield Danger(
                "route-destroyed",
                change.address,
                f"Clients could not post at the address that they have: the API would have no stage {quoted(name)}.",
            )


def integration_dangers(plan: Plan) -> Iterator[Danger]:
    """Requests reach something else than the function."""
    gone = {change.module for change in plan.of_type("aws_apigatewayv2_api") if change.is_gone}
    for change in plan.of_type("aws_apigatewayv2_integration"):
        uri, kind = at(change.after, "integration_uri"), at(change.after, "integration_type")
        is_same = is_same_function(plan, uri, at(change.before, "integration_uri"))
        if change.exists and change.after and (change.differs("integration_type") or not is_same):
            yield Danger(
                "route-elsewhere",
                change.address,
                f"What clients post would go to {quoted(uri)} ({quoted(kind)}) instead of "
                f"{old_value(change, 'integration_uri')}: no schedule is stored unless it is done there.",
            )
    for change in plan.of_type("aws_apigatewayv2_route"):
        if change.exists and change.after and change.module not in gone and change.is_changed("target"):
            yield from _target(plan, change)


def _target(plan: Plan, route: Change) -> Iterator[Danger]:
    """A route leads to another integration, unless that is the old one's successor."""
    integrations = [
        change
        for change in plan.resources
        if change.type == "aws_apigatewayv2_integration" and change.module == route.module
    ]
    old, new = at(route.before, "target"), at(route.after, "target")
    if is_blank(new):
        if not any(change.action == "destroy" for change in integrations):
            told = f"Clients could not post: the route {quoted(at(route.after, 'route_key'))} would lead nowhere."
            yield Danger("route-destroyed", route.address, told)
        return
    now = [at(change.before, "integration_uri") for change in integrations if change.exists]
    if new is UNKNOWN:
        reached = [change for change in integrations if change.action in ("create", "replace")]
    else:
        reached = [change for change in integrations if new == f"integrations/{at(change.after, 'id')}"]
    # One that is replaced is judged itself.
    new_uris = [at(change.after, "integration_uri") for change in reached if change.action != "replace"]
    if not reached or not all(is_same_function(plan, uri, *now) for uri in new_uris):
        yield Danger(
            "route-elsewhere",
            route.address,
            f"What clients post would go to {', '.join(map(quoted, new_uris)) or quoted(new)} instead of the function "
            f"that {quoted(old)} leads to: no schedule is stored unless it is done there.",
        )


def throttling_dangers(plan: Plan) -> Iterator[Danger]:
    """More requests are taken than an everyday raise would allow."""
    for change in plan.of_type("aws_apigatewayv2_stage"):
        if change.action == "destroy":
            continue
        if change.exists and at(change.after, "route_settings") is UNKNOWN:
            told = "How often clients could post can't be told: the limits of single routes are not known yet."
            yield Danger("throttling-loosened", change.address, told)
        for limit, unit in (("rate", "requests a second"), ("burst", "requests at once")):
            path = f"default_route_settings.throttling_{limit}_limit"
            old, new = at(change.before, path), at(change.after, path)
            if old != new or not change.exists:
                yield from _of_all(change, old, new, unit)
            for route in _overrides(change, limit, old):
                key, limited = quoted(route.get("route_key")), quoted(at(route, f"throttling_{limit}_limit"))
                yield Danger(
                    "throttling-loosened",
                    change.address,
                    f"A client, or a loop gone wrong, could post {limited} {unit} to {key}, whatever the API's own "
                    "limit is, each a schedule to be stored, sent and paid for.",
                )


def _of_all(stage: Change, old: Any, new: Any, unit: str) -> Iterator[Danger]:
    if not isinstance(new, int | float) or new <= 0:
        yield Danger(
            "throttling-loosened",
            stage.address,
            "One client could use up what all APIs of the account may take, and fill the table: the API would have no "
            f"limit of {unit} of its own (now {quoted(old)}; planned {quoted(new)}).",
        )
    elif isinstance(old, int | float) and new > _THROTTLING_FACTOR * old > 0:
        yield Danger(
            "throttling-loosened",
            stage.address,
            f"A client, or a loop gone wrong, could post {quoted(new)} {unit} instead of {quoted(old)}, each a "
            "schedule to be stored, sent and paid for.",
        )


def _overrides(stage: Change, limit: str, of_all: Any) -> Iterator[Mapping[str, Any]]:
    """The routes with a limit of their own that is looser by more than an everyday raise than what they have now."""
    path = f"throttling_{limit}_limit"
    now = {route.get("route_key"): at(route, path) for route in _routes(stage.before)}
    for route in _routes(stage.after):
        old, new = now.get(route.get("route_key")) or of_all, at(route, path)
        if isinstance(old, int | float) and isinstance(new, int | float) and new > _THROTTLING_FACTOR * old > 0:
            yield route


def _routes(stage: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = stage.get("route_settings")
    return [route for route in found if isinstance(route, dict)] if isinstance(found, list) else []
