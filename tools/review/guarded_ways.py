"""What has to stay as it is on a schedule's way: the API, the functions, the rule and the stream mapping."""

from __future__ import annotations

from tools.review.guards import Guard, not_below, stays, stays_off

__all__ = ["GUARDS"]

#: `{name}` is the resource's, `{old}` and `{new}` the attribute's values.
GUARDS = (
    Guard(
        "aws_lambda_event_source_mapping",
        "enabled",
        "stream-mapping-disabled",
        stays(good=True),
        text=(
            "Nothing would be handed over: the stream is not read. What the sweep deletes meanwhile is lost "
            "after 24 hours unread; pause the sweep first."
        ),
    ),
    Guard(
        "aws_lambda_event_source_mapping",
        "bisect_batch_on_function_error",
        "stream-mapping-loses",
        stays(good=True),
        text=(
            "One stream record that makes the fast track fail would take its whole batch with it to the failure bucket."
        ),
    ),
    Guard(
        "aws_lambda_event_source_mapping",
        "maximum_retry_attempts",
        "stream-mapping-loses",
        stays(good=-1),
        text=(
            "Removals that can't be sent would be given up to the failure bucket after {new} tries instead "
            "of 23 hours: a short outage of SQS is enough."
        ),
    ),
    Guard(
        "aws_cloudwatch_event_rule",
        "state",
        "sweep-paused",
        stays(good="ENABLED"),
        text=(
            "No sweep would run: schedules further ahead than the delayer period stay in the table, and become late."
        ),
    ),
    Guard(
        "aws_cloudwatch_event_rule",
        "schedule_expression",
        "sweep-paused",
        stays(good="rate(1 minute)"),
        text=(
            "The sweep would be called at {new} instead of every minute: what becomes due between two sweeps is late."
        ),
    ),
    Guard(
        "aws_apigatewayv2_api",
        "disable_execute_api_endpoint",
        "route-destroyed",
        stays_off,
        text=(
            "Clients could not post at the address that they have: the API {name} would not answer there, but only at "
            "a domain of its own, if it has one."
        ),
    ),
    Guard(
        "aws_lambda_function",
        "timeout",
        "function-shrunk",
        not_below,
        text=(
            "A call of {name} that takes longer than {new} s would be ended in the middle, where it has {old} s now: a "
            "post gets a 500, a sweep leaves schedules, a batch comes again and is sent twice."
        ),
    ),
    Guard(
        "aws_lambda_function",
        "memory_size",
        "function-shrunk",
        not_below,
        text=(
            "{name} would be slower, and be killed when it needs more than {new} MB, where it has {old} MB now: its "
            "share of a processor is by its memory."
        ),
    ),
    Guard(
        "aws_lambda_function",
        "vpc_config",
        "function-network-changed",
        stays_off,
        text=(
            "Every call of {name} would fail unless its network leads to DynamoDB, SQS and S3: it would run in a VPC."
        ),
    ),
    *(
        Guard(
            "aws_lambda_function",
            path,
            "function-foreign-code",
            stays_off,
            text=(
                "Code that this project didn't build would run in {name}, with all payloads before it and all that its "
                f"role may do: its `{path}` would be {{new}}."
            ),
        )
        for path in ("layers", "file_system_config", "image_uri")
    ),
)
