"""The AWS calls of each function, for the tests of its IAM policy and of its code."""

from __future__ import annotations

from typing import Any

TABLE = "module.schedule_table.table.arn"
KEYS_ONLY = [("ForAllValues:StringEquals", "dynamodb:Attributes", ["shard", "due"])]

#: The calls of each function's package: IAM action, Terraform expression of the resource, and conditions.
CALLS: dict[str, list[tuple[str, str, list[Any]]]] = {
    "api_schedule_delete": [("dynamodb:DeleteItem", TABLE, [])],
    "api_schedule_get": [("dynamodb:GetItem", TABLE, []), ("dynamodb:Query", TABLE, [])],
    "api_schedule_post": [("dynamodb:PutItem", TABLE, []), ("dynamodb:BatchWriteItem", TABLE, [])],
    "task_1minute_enqueuer": [
        ("dynamodb:DescribeTable", TABLE, []),
        ("dynamodb:Query", TABLE, []),
        ("dynamodb:BatchWriteItem", TABLE, KEYS_ONLY),
    ],
    "stream_dynamodb_fasttrack_enqueuer": [
        ("dynamodb:BatchWriteItem", TABLE, KEYS_ONLY),
        ("sqs:SendMessage", "module.delayer_queue.queue.arn", []),
        ("s3:PutObject", "module.failure_bucket.bucket.arn", []),
    ],
}
