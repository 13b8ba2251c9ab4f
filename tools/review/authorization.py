"""Which clients the API and functions' own URLs admit."""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import Danger, Markdown, attribute_danger, danger, quoted
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank

__all__ = ["authorization_dangers"]

#: The attributes by which an authorizer judges a request.
_JUDGED_BY = {
    "jwt_configuration.issuer": "issuer",
    "jwt_configuration.audience": "audience",
    "authorizer_uri": "function",
}


def authorization_dangers(plan: Plan) -> Iterator[Danger]:
    """Name routes, authorizers and URLs that admit every client, or others than now."""
    path = "authorization_type"
    for change in plan.of_type("aws_apigatewayv2_route"):
        new = at(change.after, path)
        is_open = is_blank(new) or new == "NONE"
        if change.action != "destroy" and is_open and new != at(change.before, path):
            yield danger(change, "authorization-removed/route", route=at(change.after, "route_key"))
        elif change.action != "destroy" and change.is_changed(path):
            yield attribute_danger(change, "authorization-changed/type", path)
        if change.exists and change.after and not change.is_changed(path):
            yield from _scopes(change)
            yield from _authorizer(plan, change)
    yield from _authorizers(plan)
    for change in plan.of_type("aws_lambda_function_url"):
        if at(change.after, path) == "NONE" != at(change.before, path):
            yield danger(change, "authorization-removed/url")


def _scopes(route: Change) -> Iterator[Danger]:
    old, new = at(route.before, "authorization_scopes"), at(route.after, "authorization_scopes")
    if not is_blank(old) and is_blank(new):
        yield danger(route, "authorization-changed/no-scopes", old=old, route=at(route.after, "route_key"))
    elif not is_blank(old) and route.is_changed("authorization_scopes"):
        yield danger(route, "authorization-changed/scopes", old=old, new=new)


def _authorizer(plan: Plan, route: Change) -> Iterator[Danger]:
    """Name another authorizer, unless it is created: which clients a new one admits is judged there."""
    is_created = at(route.after, "authorizer_id") is UNKNOWN and any(
        each.module == route.module and each.action in ("create", "replace")
        for each in plan.of_type("aws_apigatewayv2_authorizer")
    )
    if not is_blank(at(route.before, "authorizer_id")) and route.is_changed("authorizer_id") and not is_created:
        yield attribute_danger(route, "authorization-changed/authorizer", "authorizer_id")


def _authorizers(plan: Plan) -> Iterator[Danger]:
    """Name an authorizer that admits other clients than it does now, or than the one that it replaces."""
    found = [change for change in plan.resources if change.type == "aws_apigatewayv2_authorizer"]
    for change in found:
        now = [change.before] if change.exists else [other.before for other in found if other.module == change.module]
        for path, variant in _JUDGED_BY.items() if change.after else ():
            new, old = at(change.after, path), [at(values, path) for values in now if values]
            if old and new not in old and not (is_blank(new) and any(map(is_blank, old))):
                known = Markdown(" or ".join(map(quoted, old)))
                yield danger(change, f"authorization-changed/{variant}", old=known, new=new)
