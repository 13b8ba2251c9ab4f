"""Who is let in by the API and by functions' own URLs."""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import Danger, old_value, quoted
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank

__all__ = ["authorization_dangers"]

#: What an authorizer judges a request by.
_JUDGED_BY = (
    ("jwt_configuration.issuer", "Tokens issued by {new} would be accepted, and no longer those issued by {old}"),
    ("jwt_configuration.audience", "Tokens meant for {new} would be accepted, and no longer those meant for {old}"),
    ("authorizer_uri", "Requests would be let in by {new}, and no longer by {old}"),
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
        if change.exists and change.after and not change.is_changed("authorization_type"):
            yield from _narrowing(plan, change)
    yield from _authorizers(plan)
    for change in plan.of_type("aws_lambda_function_url"):
        if at(change.after, "authorization_type") == "NONE" != at(change.before, "authorization_type"):
            yield Danger(
                "authorization-removed",
                change.address,
                "Anyone on the internet could call the function: its URL would ask for no authorization.",
            )


def _narrowing(plan: Plan, route: Change) -> Iterator[Danger]:
    """A route asks for other scopes of a token than now, or another authorizer."""
    old, new = at(route.before, "authorization_scopes"), at(route.after, "authorization_scopes")
    if not is_blank(old) and is_blank(new):
        yield Danger(
            "authorization-changed",
            route.address,
            f"Clients with any token of the issuer could post: the route {quoted(at(route.after, 'route_key'))} would "
            f"ask for no scope, where a token has to have one of {quoted(old)} now.",
        )
    elif not is_blank(old) and route.is_changed("authorization_scopes"):
        yield Danger(
            "authorization-changed",
            route.address,
            f"Clients whose tokens have one of the scopes {quoted(new)} could post, and no longer those with one of "
            f"{quoted(old)}.",
        )
    authorizer = at(route.after, "authorizer_id")
    # If one is made, whom that lets in is told where it is made.
    is_renewed = authorizer is UNKNOWN and any(
        each.module == route.module and each.action in ("create", "replace")
        for each in plan.of_type("aws_apigatewayv2_authorizer")
    )
    if not is_blank(at(route.before, "authorizer_id")) and route.is_changed("authorizer_id") and not is_renewed:
        yield Danger(
            "authorization-changed",
            route.address,
            f"Clients would be let in by the authorizer {quoted(authorizer)} instead of "
            f"{old_value(route, 'authorizer_id')}: others could post than now.",
        )


def _authorizers(plan: Plan) -> Iterator[Danger]:
    """An authorizer lets in others than it does, or than the one in whose place it comes."""
    found = [change for change in plan.resources if change.type == "aws_apigatewayv2_authorizer"]
    for change in found:
        now = [change.before] if change.exists else [other.before for other in found if other.module == change.module]
        for path, text in _JUDGED_BY if change.after else ():
            new, old = at(change.after, path), [at(values, path) for values in now if values]
            if old and new not in old and not (is_blank(new) and any(map(is_blank, old))):
                told = text.format(new=quoted(new), old=" or ".join(map(quoted, old)))
                yield Danger("authorization-changed", change.address, f"{told}: other clients could post than now.")
