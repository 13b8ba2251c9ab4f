"""The API: whether requests reach the function, and how many it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, Markdown, danger, quoted
from tools.review.function_settings import is_same_function
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank

__all__ = ["integration_dangers", "route_dangers", "throttling_dangers"]

#: Throttling that is raised by up to this factor is an everyday change.
_THROTTLING_FACTOR = 2

_UNITS = {"rate": Markdown("requests a second"), "burst": Markdown("requests at once")}


def route_dangers(plan: Plan) -> Iterator[Danger]:
    """Name routes, integrations and stages that go while their API stays."""
    # A module whose API is lost, or for which a lost route is named, needs no further danger.
    named = {change.module for change in plan.of_type("aws_apigatewayv2_api") if change.is_gone}
    routes = [change for change in plan.resources if change.type == "aws_apigatewayv2_route"]
    kept = [at(route.after, "route_key") for route in routes]
    for change in routes:
        key = at(change.before, "route_key")
        if change.exists and key not in kept and change.module not in named:
            named.add(change.module)
            yield danger(change, "route-destroyed/route", route=key)
    integrations = [change for change in plan.resources if change.type == "aws_apigatewayv2_integration"]
    for change in integrations:
        others = [other for other in integrations if other.module == change.module and other.action != "destroy"]
        if change.action == "destroy" and not others and change.module not in named:
            yield danger(change, "route-destroyed/function")
    stages = [change for change in plan.resources if change.type == "aws_apigatewayv2_stage"]
    names = [(stage.module, at(stage.after, "name")) for stage in stages]
    for change in stages:
        name = at(change.before, "name")
        if change.is_gone and (change.module, name) not in names and change.module not in named:
            yield danger(change, "route-destroyed/stage", stage=name)


def integration_dangers(plan: Plan) -> Iterator[Danger]:
    """Name integrations and routes by which requests reach something else than the function."""
    gone = {change.module for change in plan.of_type("aws_apigatewayv2_api") if change.is_gone}
    for change in plan.of_type("aws_apigatewayv2_integration"):
        old, new = (at(side, "integration_uri") for side in (change.before, change.after))
        is_other = change.differs("integration_type") or not is_same_function(plan, new, old)
        if change.exists and change.after and is_other:
            kind = at(change.after, "integration_type")
            yield danger(change, "route-elsewhere/integration", old=old, new=new, type=kind)
    for change in plan.of_type("aws_apigatewayv2_route"):
        if change.exists and change.after and change.module not in gone and change.is_changed("target"):
            yield from _target(plan, change)


def _target(plan: Plan, route: Change) -> Iterator[Danger]:
    """Name a route that leads to another integration, unless that is the successor of the old one."""
    integrations = [
        change
        for change in plan.resources
        if change.type == "aws_apigatewayv2_integration" and change.module == route.module
    ]
    old, new = at(route.before, "target"), at(route.after, "target")
    if is_blank(new):
        if not any(change.action == "destroy" for change in integrations):
            yield danger(route, "route-destroyed/target", route=at(route.after, "route_key"))
        return
    now = [at(change.before, "integration_uri") for change in integrations if change.exists]
    if new is UNKNOWN:
        reached = [change for change in integrations if change.action in ("create", "replace")]
    else:
        reached = [change for change in integrations if new == f"integrations/{at(change.after, 'id')}"]
    # An integration that is replaced is judged itself.
    uris = [at(change.after, "integration_uri") for change in reached if change.action != "replace"]
    if not reached or not all(is_same_function(plan, uri, *now) for uri in uris):
        yield danger(
            route, "route-elsewhere/target", old=old, new=Markdown(", ".join(map(quoted, uris)) or quoted(new))
        )


def throttling_dangers(plan: Plan) -> Iterator[Danger]:
    """Name limits of requests that go, or are raised by more than an everyday change."""
    for change in plan.of_type("aws_apigatewayv2_stage"):
        if change.action == "destroy":
            continue
        if change.exists and at(change.after, "route_settings") is UNKNOWN:
            yield danger(change, "throttling-loosened/routes-unknown")
        for limit, unit in _UNITS.items():
            path = f"throttling_{limit}_limit"
            old, new = (at(side, f"default_route_settings.{path}") for side in (change.before, change.after))
            if old != new or not change.exists:
                if not isinstance(new, int | float) or new <= 0:
                    yield danger(change, "throttling-loosened/none", old=old, new=new, unit=unit)
                elif _is_raised(old, new):
                    yield danger(change, "throttling-loosened/raised", old=old, new=new, unit=unit)
            before = {route.get("route_key"): at(route, path) for route in _routes(change.before)}
            for route in _routes(change.after):
                key, limited = route.get("route_key"), at(route, path)
                if _is_raised(before.get(key) or old, limited):
                    yield danger(change, "throttling-loosened/route", new=limited, unit=unit, route=key)


def _is_raised(old: Any, new: Any) -> bool:
    return isinstance(old, int | float) and isinstance(new, int | float) and new > _THROTTLING_FACTOR * old > 0


def _routes(stage: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = stage.get("route_settings")
    return [route for route in found if isinstance(route, dict)] if isinstance(found, list) else []
