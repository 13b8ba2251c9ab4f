"""A plugin of the embedded AWS that adds Application Auto Scaling, as far as Terraform and a table's capacity need it.

It keeps targets and policies, and moves a table's capacity into the range of its target, as AWS does when a target is
registered. No alarm watches the table, so nothing scales afterwards. ministack imports it by the name in
EMBEDDED_AWS_PLUGINS (tools/local/embedded_aws/__main__.py).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

_SERVICE = "application-autoscaling"

#: The parameters that identify a target; the name of a policy distinguishes it from others of its targets.
_KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")

#: By account, region and the parameters that identify it.
_targets: dict[tuple[str, ...], dict[str, Any]] = {}
_policies: dict[tuple[str, ...], dict[str, Any]] = {}

type Place = tuple[str, str]


class RefusedError(Exception):
    """A refusal; its arguments are the error's code and message."""


def install() -> None:
    """Add the service, and judge its calls like those of the others."""
    # Imported here because tests use the pure functions where ministack is not installed.
    from ministack import app  # noqa: PLC0415
    from ministack.core import iam_actions  # noqa: PLC0415
    from ministack.core.responses import (  # noqa: PLC0415
        error_response_json,
        get_account_id,
        get_region,
        json_response,
    )
    from ministack.services import dynamodb  # noqa: PLC0415

    async def handle(_method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any) -> Any:
        try:
            answer = _CALLS[headers["x-amz-target"].rpartition(".")[2]]
            place = (get_account_id(), get_region())
            tables = dynamodb._tables  # noqa: SLF001 -- it has no interface for this
            return json_response(answer(json.loads(body), place, tables))
        except RefusedError as error:
            return error_response_json(*error.args)

    app.SERVICE_HANDLERS[_SERVICE] = handle
    iam_actions.SERVICE_TO_IAM_NAMESPACE[_SERVICE] = _SERVICE


def _register(asked: dict[str, Any], place: Place, tables: Any) -> dict[str, Any]:
    key = _key(asked, place)
    target = _targets.get(key, {"ScalableTargetARN": _arn(place), "tags": {}}) | {
        name: asked[name] for name in (*_KEY, "MinCapacity", "MaxCapacity") if name in asked
    }
    target["tags"] = target["tags"] | asked.get("Tags", {})
    _scale(target, tables)
    _targets[key] = target
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def _scale(target: dict[str, Any], tables: Any) -> None:
    """Move a table's capacity into its target's range (API reference, RegisterScalableTarget)."""
    table = tables.get(target["ResourceId"].removeprefix("table/"))
    if table is None:
        raise RefusedError("ValidationException", f"The resource {target['ResourceId']} doesn't exist.")
    units = target["ScalableDimension"].rpartition(":")[2]
    now = table["ProvisionedThroughput"]
    if now[units]:
        table["ProvisionedThroughput"] = now | {
            units: min(max(now[units], target["MinCapacity"]), target["MaxCapacity"])
        }


def _deregister(asked: dict[str, Any], place: Place, _tables: Any) -> dict[str, Any]:
    key = _key(asked, place)
    if _targets.pop(key, None) is None:
        raise RefusedError("ObjectNotFoundException", "No scalable target registered.")
    for policy in [each for each in _policies if each[: len(key)] == key]:
        del _policies[policy]
    return {}


def _put_policy(asked: dict[str, Any], place: Place, _tables: Any) -> dict[str, Any]:
    key = _key(asked, place)
    if key not in _targets:
        raise RefusedError("ObjectNotFoundException", "No scalable target registered.")
    policy = _policies.setdefault((*key, asked["PolicyName"]), {"PolicyARN": _arn(place, "scalingPolicy")})
    policy |= asked | {"Alarms": [_alarm(asked["ResourceId"], place, side) for side in ("AlarmHigh", "AlarmLow")]}
    return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}


def _delete_policy(asked: dict[str, Any], place: Place, _tables: Any) -> dict[str, Any]:
    if _policies.pop((*_key(asked, place), asked["PolicyName"]), None) is None:
        raise RefusedError("ObjectNotFoundException", "No scaling policy found.")
    return {}


def _describe_targets(asked: dict[str, Any], place: Place, _tables: Any) -> dict[str, Any]:
    found = _matching(_targets, asked | {"ResourceId": asked.get("ResourceIds", [None])[0]}, place)
    return {"ScalableTargets": [{name: value for name, value in each.items() if name != "tags"} for each in found]}


def _describe_policies(asked: dict[str, Any], place: Place, _tables: Any) -> dict[str, Any]:
    names = asked.get("PolicyNames")
    found = _matching(_policies, asked, place)
    return {"ScalingPolicies": [each for each in found if not names or each["PolicyName"] in names]}


def _matching(kept: dict[tuple[str, ...], dict[str, Any]], asked: dict[str, Any], place: Place) -> list[dict[str, Any]]:
    wanted = {name: asked[name] for name in _KEY if asked.get(name)}
    return [each for key, each in kept.items() if key[:2] == place and wanted.items() <= each.items()]


def _tagged(asked: dict[str, Any]) -> dict[str, str]:
    for target in _targets.values():
        if target["ScalableTargetARN"] == asked["ResourceARN"]:
            tags: dict[str, str] = target["tags"]
            return tags
    raise RefusedError("ResourceNotFoundException", f"{asked['ResourceARN']} doesn't exist.")


def _list_tags(asked: dict[str, Any], _place: Place, _tables: Any) -> dict[str, Any]:
    return {"Tags": _tagged(asked)}


def _tag(asked: dict[str, Any], _place: Place, _tables: Any) -> dict[str, Any]:
    _tagged(asked).update(asked["Tags"])
    return {}


def _untag(asked: dict[str, Any], _place: Place, _tables: Any) -> dict[str, Any]:
    for name in asked["TagKeys"]:
        _tagged(asked).pop(name, None)
    return {}


def _key(asked: dict[str, Any], place: Place) -> tuple[str, ...]:
    return (*place, *(asked[name] for name in _KEY))


def _arn(place: Place, kind: str = "") -> str:
    account_id, region = place
    if kind:
        return f"arn:aws:autoscaling:{region}:{account_id}:{kind}:{uuid.uuid4()}"
    return f"arn:aws:{_SERVICE}:{region}:{account_id}:scalable-target/{uuid.uuid4().hex}"


def _alarm(resource_id: str, place: Place, side: str) -> dict[str, str]:
    account_id, region = place
    name = f"TargetTracking-{resource_id}-{side}-{uuid.uuid4()}"
    return {"AlarmName": name, "AlarmARN": f"arn:aws:cloudwatch:{region}:{account_id}:alarm:{name}"}


_CALLS: dict[str, Callable[[dict[str, Any], Place, Any], dict[str, Any]]] = {
    "DeleteScalingPolicy": _delete_policy,
    "DeregisterScalableTarget": _deregister,
    "DescribeScalableTargets": _describe_targets,
    "DescribeScalingPolicies": _describe_policies,
    "ListTagsForResource": _list_tags,
    "PutScalingPolicy": _put_policy,
    "RegisterScalableTarget": _register,
    "TagResource": _tag,
    "UntagResource": _untag,
}
