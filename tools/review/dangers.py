"""What a plan would do to schedules, messages and access: the rules, each in the words of who would suffer it.

A value that is known only after the apply is not what it was, as far as can be told, so it is judged like a change. A
sensitive one is compared, and never told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tools.review.access import access_dangers
from tools.review.danger import Danger, quoted
from tools.review.guards import GUARDS
from tools.review.plan import UNKNOWN, Change, Plan, Sensitive, at, is_blank

__all__ = ["DANGERS", "find_dangers"]

#: Every danger's id, by which the file of accepted ones names it, and what it is.
DANGERS = {
    "access-grows": "somebody may do what they could not",
    "access-unknown": "what a policy allows is known only after the apply, or hidden",
    "access-wildcard": "a policy allows what it does not name",
    "api-destroyed": "the API is destroyed or replaced, and its address with it",
    "authorization-changed": "other clients than now are let in",
    "authorization-removed": "everyone is let in",
    "dead-letter-queue-destroyed": "the dead-letter queue is destroyed or replaced",
    "dead-letter-queue-detached": "what consumers fail to handle no longer reaches the dead-letter queue",
    "delayer-period-changed": "schedules move to the queue earlier or later than now",
    "deletion-protection-off": "what holds schedules or records can be deleted",
    "encryption-weakened": "what is stored is encrypted with less, or with another key",
    "failure-bucket-destroyed": "the failure bucket is destroyed or replaced",
    "function-architecture-changed": "a function runs on another processor",
    "function-destroyed": "a function is destroyed or replaced",
    "function-handler-changed": "another part of the package is called",
    "function-role-changed": "a function gets other permissions as a whole",
    "function-runtime-changed": "a function runs on another Python",
    "log-group-destroyed": "a log group is destroyed or replaced",
    "public-access-loosened": "the failure bucket may be opened to the public",
    "queue-destroyed": "the delayer queue is destroyed or replaced",
    "recovery-off": "what is deleted by mistake can't be brought back",
    "retention-shortened": "messages, records or logs are deleted earlier",
    "shards-unswept": "schedules lie in shards that no sweep reads",
    "stream-changed": "the stream carries something else than removals need",
    "stream-mapping-destroyed": "the stream mapping is destroyed or replaced",
    "stream-mapping-disabled": "the stream is not read",
    "stream-mapping-filter": "other stream records than now reach the fast track",
    "stream-mapping-loses": "the mapping drops records, or repeats them, where it doesn't now",
    "stream-mapping-position": "the stream is read from another point",
    "stream-off": "the table has no stream",
    "sweep-paused": "the minute's sweep is not called",
    "table-destroyed": "the schedule table is destroyed or replaced",
    "throttling-loosened": "the API takes more requests than twice as many as now, or any number",
    "tls-only-removed": "requests without TLS are no longer denied",
}

_DAY_SECONDS = 24 * 60 * 60

#: How long a stream keeps a record (DynamoDB developer guide, "Change data capture for DynamoDB Streams").
_STREAM_SECONDS = _DAY_SECONDS

#: A raise of the throttling up to this factor is an everyday one.
_THROTTLING_FACTOR = 2

_SWEEP = "task_1minute_enqueuer"
_POST = "api_schedule_post"

#: What is a bucket's, a table's or a queue's own, and goes with it. Where no holder is left in the module, that the
#: holder is gone is what is told.
_HOLDERS = {
    "aws_dynamodb_resource_policy": "aws_dynamodb_table",
    "aws_s3_bucket_lifecycle_configuration": "aws_s3_bucket",
    "aws_s3_bucket_ownership_controls": "aws_s3_bucket",
    "aws_s3_bucket_policy": "aws_s3_bucket",
    "aws_s3_bucket_public_access_block": "aws_s3_bucket",
    "aws_s3_bucket_server_side_encryption_configuration": "aws_s3_bucket",
    "aws_s3_bucket_versioning": "aws_s3_bucket",
    "aws_sqs_queue_policy": "aws_sqs_queue",
}


def find_dangers(plan: Plan) -> list[Danger]:
    """Every danger of a plan, what is lost first."""
    kept = {(change.module, change.type) for change in plan.resources if change.action != "destroy"}
    gone = {(change.module, change.type) for change in plan.changes if change.action == "destroy"} - kept
    resources = tuple(
        change
        for change in plan.resources
        if change.action != "destroy" or (change.module, _HOLDERS.get(change.type)) not in gone
    )
    judged = replace(plan, resources=resources)
    found = [danger for rule in _RULES for danger in rule(judged)]
    return list(dict.fromkeys(found))


def _destroyed(plan: Plan) -> Iterator[Danger]:
    for change in sorted(plan.changes, key=_loss_order):
        if change.is_gone and change.exists and change.type in _LOSSES:
            found = _LOSSES[change.type](change)
            verb = "destroyed"
            if change.action == "replace":
                verb = "replaced by an empty one" if change.type in _STORES else "replaced"
            yield Danger(found[0], change.address, found[1].format(verb=verb, name=_name(change)))


#: What holds schedules, messages, records or logs.
_STORES = ("aws_cloudwatch_log_group", "aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue")


#: Losses in the order in which they are told: what is nowhere else first.
_LOSS_ORDER = (
    "aws_dynamodb_table",
    "aws_sqs_queue",
    "aws_s3_bucket",
    "aws_lambda_event_source_mapping",
    "aws_apigatewayv2_api",
    "aws_lambda_function",
    "aws_cloudwatch_log_group",
)


def _loss_order(change: Change) -> tuple[int, bool, str]:
    order = _LOSS_ORDER.index(change.type) if change.type in _LOSS_ORDER else len(_LOSS_ORDER)
    return order, _is_dead_letter_queue(change), change.address


def _is_dead_letter_queue(change: Change) -> bool:
    return change.name == "dead_letter" or str(change.before.get("name")).endswith("-dead-letter")


def _lost_queue(change: Change) -> tuple[str, str]:
    if _is_dead_letter_queue(change):
        return (
            "dead-letter-queue-destroyed",
            "The messages that consumers failed to handle would be lost: the dead-letter queue {name} would be {verb}.",
        )
    return (
        "queue-destroyed",
        (
            "Every message that is waiting for its pointInTime, or for a consumer, would be lost: the queue {name} "
            "would be {verb}. They are nowhere else. Consumers would read a queue that is gone."
        ),
    )


def _planned_position(change: Change) -> str:
    position = at(change.after, "starting_position")
    return f"; this plan says {quoted(position)}" if position else ""


_LOSSES: dict[str, Callable[[Change], tuple[str, str]]] = {
    "aws_apigatewayv2_api": lambda _: (
        "api-destroyed",
        "Clients could not post: the API {name} would be {verb}, and its address is never given again.",
    ),
    "aws_cloudwatch_log_group": lambda _: (
        "log-group-destroyed",
        (
            "The logs in {name} would be lost, and with them which schedules were accepted and handed over: the log "
            "group would be {verb}."
        ),
    ),
    "aws_dynamodb_table": lambda _: (
        "table-destroyed",
        (
            "Every pending schedule would be lost, and the stream with what was just handed over: the table {name} "
            "would be {verb}."
        ),
    ),
    "aws_lambda_event_source_mapping": lambda change: (
        "stream-mapping-destroyed",
        (
            "Removals on their way from the stream to the queue would be skipped if a new mapping reads from now on "
            "(LATEST), or a day of them delivered again if it reads from the start (TRIM_HORIZON"
            f"{_planned_position(change)}): the stream mapping would be {{verb}}. See "
            "docs/operations/runbook.md."
        ),
    ),
    "aws_lambda_function": lambda _: (
        "function-destroyed",
        "Whoever calls {name} would get an error while it is gone: the function would be {verb}.",
    ),
    "aws_s3_bucket": lambda _: (
        "failure-bucket-destroyed",
        (
            "The records that could not be handled would be lost, and with them their schedules: the failure bucket "
            "{name} would be {verb}."
        ),
    ),
    "aws_sqs_queue": _lost_queue,
}


def _guarded(plan: Plan) -> Iterator[Danger]:
    destroyed = set()
    for guard in GUARDS:
        for change in plan.of_type(guard.type):
            if _is_lost(change) or at(change.before, guard.path) != guard.good:
                continue
            new = at(change.after, guard.path)
            if new != guard.good and (guard.danger, change.address) not in destroyed:
                if change.action == "destroy":
                    destroyed.add((guard.danger, change.address))
                text = guard.text.format(name=_name(change), new=quoted(new))
                yield Danger(guard.danger, change.address, text)


def _is_lost(change: Change) -> bool:
    """Whether the change is told of as a loss, which makes its attributes' changes no news."""
    return change.action == "destroy" and change.type in _LOSSES


def _stream(plan: Plan) -> Iterator[Danger]:
    for change in plan.of_type("aws_dynamodb_table"):
        if not change.exists or _is_lost(change):
            continue
        if at(change.before, "stream_enabled") is True and at(change.after, "stream_enabled") is not True:
            yield Danger(
                "stream-off",
                change.address,
                f"Nothing would be handed over: the table {_name(change)} would have no stream, and what is deleted "
                "from it, swept or cancelled, would be lost. What is in the stream now, and not read yet, is lost too.",
            )
        elif _differs(change, "stream_view_type"):
            yield Danger(
                "stream-changed",
                change.address,
                f"Removals would carry {_new(change, 'stream_view_type')} instead of {_old(change, 'stream_view_type')}"
                ": without the old image there is no payload to send. AWS also makes a new stream for it, and what is "
                "in the present one and not read yet is lost.",
            )


def _stream_mapping(plan: Plan) -> Iterator[Danger]:
    for change in plan.of_type("aws_lambda_event_source_mapping"):
        if change.action == "destroy":
            continue
        if _differs(change, "starting_position"):
            yield Danger(
                "stream-mapping-position",
                change.address,
                f"The stream would be read from {_new(change, 'starting_position')} instead of "
                f"{_old(change, 'starting_position')}: LATEST skips every removal before the new mapping, whose "
                "schedules are then lost; TRIM_HORIZON delivers a day's removals again.",
            )
        if _differs(change, "filter_criteria"):
            yield Danger(
                "stream-mapping-filter",
                change.address,
                "Lambda drops what the filter doesn't match, for good: schedules whose removal the new filter doesn't "
                "match would be lost.",
            )
        answers = at(change.after, "function_response_types")
        if _has_partial_answers(change.before) and not _has_partial_answers(change.after):
            yield Danger(
                "stream-mapping-loses",
                change.address,
                "Removals that could not be sent would count as sent, and be lost: the mapping would no longer read "
                f"the fast track's partial answers (`ReportBatchItemFailures`; planned: {quoted(answers)}).",
            )
        age = at(change.after, "maximum_record_age_in_seconds")
        if change.differs("maximum_record_age_in_seconds") and _is_too_old(age):
            yield Danger(
                "stream-mapping-loses",
                change.address,
                f"What can't be sent for a day would be lost: the mapping would give up a record after {quoted(age)} s "
                f"(-1 is never), when the stream has dropped it already, after {_STREAM_SECONDS} s, and so it never "
                "reaches the failure bucket.",
            )
        destination = "destination_config.on_failure.destination_arn"
        if not is_blank(at(change.before, destination)) and at(change.before, destination) != at(
            change.after, destination
        ):
            yield Danger(
                "stream-mapping-loses",
                change.address,
                f"What the mapping gives up would go to {_new(change, destination)} instead of "
                f"{_old(change, destination)}: without a bucket there, it is lost.",
            )


def _has_partial_answers(values: Mapping[str, Any]) -> bool:
    answers = at(values, "function_response_types")
    return isinstance(answers, list) and "ReportBatchItemFailures" in answers


def _is_too_old(age: Any) -> bool:
    return not isinstance(age, int) or age < 0 or age >= _STREAM_SECONDS


def _shards(plan: Plan) -> Iterator[Danger]:
    counts = {}
    for change in plan.of_type("aws_lambda_function"):
        if _is_lost(change):
            continue
        old, new = _setting(change.before, "SHARD_COUNT"), _planned(plan, change, "SHARD_COUNT")
        counts[_plain_name(change)] = (change, old, new)
    sweep = counts.get(_SWEEP)
    if sweep is None:
        return
    change, old, new = sweep
    if isinstance(old, int) and isinstance(new, int) and new < old:
        yield Danger("shards-unswept", change.address, f"Pending schedules in {_range(new, old)} would never be swept.")
    elif old is not None and not isinstance(new, int):
        yield Danger(
            "shards-unswept",
            change.address,
            f"Which shards are swept can't be told: the sweep's SHARD_COUNT would be {quoted(new)} instead of "
            f"{quoted(old)}. In a shard that is not swept, pending schedules stay forever.",
        )
    posted = counts.get(_POST, (change, None, None))[2]
    if isinstance(new, int) and isinstance(posted, int) and new < posted:
        yield Danger("shards-unswept", change.address, f"New schedules in {_range(new, posted)} would never be swept.")


def _range(start: int, stop: int) -> str:
    return f"shard {start}" if stop - start == 1 else f"shards {start} to {stop - 1}"


def _workers(plan: Plan) -> Iterator[Danger]:
    """Each worker sweeps its own shards, so all of them have to be called."""
    targets = [change for change in plan.resources if change.type == "aws_cloudwatch_event_target"]
    changed = [change for change in targets if change.exists and change.action != "no-op"]
    if not changed or all(change.action == "destroy" for change in targets):
        return
    told = [_json(change.after.get("input")) for change in targets if change.after]
    if not told or not all(isinstance(event, dict) for event in told):
        return
    workers = {event.get("workers") for event in told}
    called = {event.get("worker") for event in told}
    total = next(iter(workers))
    if len(workers) > 1 or not isinstance(total, int) or called != set(range(total)):
        yield Danger(
            "shards-unswept",
            changed[0].address,
            f"Schedules in some shards would never be swept: the rule would call the workers {sorted(map(str, called))}"
            f", told to be of {sorted(map(str, workers))}.",
        )


def _delayer_period(plan: Plan) -> Iterator[Danger]:
    told = False
    # The sweep last, which hands over most: if both functions' settings change, hers is the address.
    functions = sorted(plan.of_type("aws_lambda_function"), key=lambda change: _plain_name(change) != _SWEEP)
    for change in functions:
        old = _setting(change.before, "DELAYER_PERIOD_SECONDS")
        new = _planned(plan, change, "DELAYER_PERIOD_SECONDS")
        if old is None or old == new or _is_lost(change) or told:
            continue
        told = True
        if not isinstance(old, int) or not isinstance(new, int):
            effect = "When schedules move to the queue can't be told."
        elif new > old:
            effect = (
                f"The first sweep hands over {new - old} s of schedules at once, and from then on a schedule can be "
                f"cancelled only until {new} s before it is due, not {old} s."
            )
        else:
            effect = (
                f"For {old - new} s the sweep finds nothing to hand over, and from then on a standstill of the sweep "
                f"or of the stream makes schedules late after {new} s, not after {old} s."
            )
        yield Danger(
            "delayer-period-changed",
            change.address,
            f"Schedules would move to the queue {quoted(new)} s before they are due, not {quoted(old)} s. Those that "
            f"are queued already keep their delay, and arrive in their second. {effect}",
        )


def _authorization(plan: Plan) -> Iterator[Danger]:
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
        elif change.action != "destroy" and _differs(change, "authorization_type"):
            yield Danger(
                "authorization-changed",
                change.address,
                f"Clients that are let in by {_old(change, 'authorization_type')} now would be refused, and others let "
                f"in by {quoted(new)}.",
            )
    for change in plan.of_type("aws_apigatewayv2_authorizer"):
        for path, what in (("jwt_configuration.issuer", "issued by"), ("jwt_configuration.audience", "meant for")):
            if change.action != "destroy" and _differs(change, path):
                yield Danger(
                    "authorization-changed",
                    change.address,
                    f"Tokens {what} {_new(change, path)} would be accepted, and no longer those {what} "
                    f"{_old(change, path)}: other clients could post than now.",
                )
    for change in plan.of_type("aws_lambda_function_url"):
        if at(change.after, "authorization_type") == "NONE" != at(change.before, "authorization_type"):
            yield Danger(
                "authorization-removed",
                change.address,
                "Anyone on the internet could call the function: its URL would ask for no authorization.",
            )


def _throttling(plan: Plan) -> Iterator[Danger]:
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


def _encryption(plan: Plan) -> Iterator[Danger]:
    """Keys. What is on or off is guarded above."""
    for change in plan.of_type("aws_s3_bucket_server_side_encryption_configuration"):
        path = "rule.apply_server_side_encryption_by_default"
        if _differs(change, f"{path}.sse_algorithm") or _differs(change, f"{path}.kms_master_key_id"):
            yield Danger(
                "encryption-weakened",
                change.address,
                f"The failure bucket's records would be encrypted with {_new(change, f'{path}.sse_algorithm')} instead "
                f"of {_old(change, f'{path}.sse_algorithm')}, or with another key.",
            )
    for change in plan.of_type("aws_cloudwatch_log_group", "aws_sqs_queue"):
        for path in ("kms_key_id", "kms_master_key_id"):
            if not is_blank(at(change.before, path)) and _differs(change, path) and not _is_lost(change):
                yield Danger(
                    "encryption-weakened",
                    change.address,
                    f"What is in {_name(change)} would be encrypted with {_new(change, path)} instead of the key "
                    f"{_old(change, path)}.",
                )


def _retention(plan: Plan) -> Iterator[Danger]:
    for change in plan.of_type("aws_sqs_queue"):
        if _is_shorter(change, "message_retention_seconds"):
            yield Danger(
                "retention-shortened",
                change.address,
                f"Messages in {_name(change)} that are older than {_span(change.after, 'message_retention_seconds')} "
                f"would be deleted within minutes, and later ones at that age, not at "
                f"{_span(change.before, 'message_retention_seconds')}: a message's age counts from when it was sent to "
                "the delayer queue, its delay and its stay in a dead-letter queue among it.",
            )
        if not _is_lost(change) and _has_dead_letters(change.before) and not _has_dead_letters(change.after):
            yield Danger(
                "dead-letter-queue-detached",
                change.address,
                f"A message that no consumer can handle would come again and again, and be deleted when it is too old: "
                f"{_name(change)} would have no dead-letter queue.",
            )
    for change in plan.of_type("aws_cloudwatch_log_group"):
        if _is_shorter(change, "retention_in_days"):
            yield Danger(
                "retention-shortened",
                change.address,
                f"Logs in {_name(change)} that are older than {_new(change, 'retention_in_days')} days would be "
                f"deleted; today they are kept for {_old(change, 'retention_in_days')}.",
            )
    for change in plan.of_type("aws_s3_bucket_lifecycle_configuration"):
        days = _expirations(change.after)
        if change.exists and days and days != _expirations(change.before):
            yield Danger(
                "retention-shortened",
                change.address,
                f"Records in the failure bucket {_name(change)} would be deleted after {_days(days)} days, whether "
                "anyone gave them back or not, and their schedules be lost.",
            )
        if _is_shorter(change, "rule.noncurrent_version_expiration.noncurrent_days"):
            yield Danger(
                "retention-shortened",
                change.address,
                "A record that is deleted by mistake could be brought back for "
                f"{_new(change, 'rule.noncurrent_version_expiration.noncurrent_days')} days only.",
            )


def _has_dead_letters(queue: Mapping[str, Any]) -> bool:
    """Whether a queue has a dead-letter queue. One that is known only after the apply is one that is made anew."""
    policy = _json(queue.get("redrive_policy"))
    return policy is UNKNOWN or bool(isinstance(policy, dict) and policy.get("deadLetterTargetArn"))


def _is_shorter(change: Change, path: str) -> bool:
    """Whether something is kept for less time than now. 0 and nothing mean forever, as CloudWatch Logs has it."""
    if not change.exists or change.action == "destroy" or not _differs(change, path):
        return False
    old, new = at(change.before, path) or 0, at(change.after, path) or 0
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return True
    return new != 0 and (old == 0 or new < old)


def _span(values: Mapping[str, Any], path: str) -> str:
    seconds = at(values, path)
    if isinstance(seconds, int) and seconds % _DAY_SECONDS == 0:
        return f"{seconds // _DAY_SECONDS} days"
    return f"{quoted(seconds)} s"


def _expirations(values: Mapping[str, Any]) -> list[Any]:
    """After how many days each rule deletes what is not deleted yet."""
    rules = values.get("rule")
    days = [at(rule, "expiration.days") for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    return [found for found in days if found]


def _days(days: list[Any]) -> str:
    return " or ".join(map(quoted, days))


def _functions(plan: Plan) -> Iterator[Danger]:
    for change in plan.of_type("aws_lambda_function"):
        if change.action == "destroy":
            continue
        for path, danger, text in _FUNCTION_ATTRIBUTES:
            if change.exists and _differs(change, path):
                yield Danger(
                    danger,
                    change.address,
                    text.format(name=_name(change), old=_old(change, path), new=_new(change, path)),
                )


_FUNCTION_ATTRIBUTES = (
    (
        "runtime",
        "function-runtime-changed",
        "{name} would run on {new} instead of {old}: its zip holds bytecode for Python 3.13, which no other can use.",
    ),
    (
        "architectures",
        "function-architecture-changed",
        (
            "{name} would run on {new} instead of {old}. The zips hold no compiled code; measure anew what it costs "
            "and how long it takes."
        ),
    ),
    (
        "role",
        "function-role-changed",
        "{name} would act as {new} instead of {old}: what it may do is all in its role.",
    ),
    (
        "handler",
        "function-handler-changed",
        "{name} would start at {new} instead of {old}: if the package has no such function, every call fails.",
    ),
)


def _setting(values: Mapping[str, Any], name: str) -> Any:
    """A function's setting, as a number where it is one; None if there is none."""
    found = at(values, f"environment.variables.{name}")
    return int(found) if isinstance(found, str) and found.isdecimal() else found


def _planned(plan: Plan, change: Change, name: str) -> Any:
    """A function's setting after the apply; where its variables are not known as a whole, as the root variable is."""
    if at(change.after, "environment.variables") is UNKNOWN:
        return plan.settings.get(name, UNKNOWN)
    return _setting(change.after, name)


def _plain_name(change: Change) -> str:
    return change.module.removeprefix("module.")


def _differs(change: Change, path: str) -> bool:
    """Whether an attribute of what is there already becomes another."""
    return change.exists and change.differs(path)


def _old(change: Change, path: str) -> str:
    return quoted(at(change.before, path))


def _new(change: Change, path: str) -> str:
    return quoted(at(change.after, path))


def _name(change: Change) -> str:
    values = change.before or change.after
    for attribute in ("name", "function_name", "bucket", "uuid", "id"):
        if not is_blank(values.get(attribute)):
            return quoted(values[attribute])
    return quoted(change.name)


def _json(value: Any) -> Any:
    if value is UNKNOWN or isinstance(value, Sensitive):
        return value
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


_RULES: tuple[Callable[[Plan], Iterator[Danger]], ...] = (
    _destroyed,
    _stream,
    _stream_mapping,
    _shards,
    _workers,
    _guarded,
    _retention,
    _authorization,
    access_dangers,
    _throttling,
    _encryption,
    _functions,
    _delayer_period,
)
