"""The records in the table of a local stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.local.stack import Stack


def count(stack: Stack) -> int:
    """Return the number of records in the table."""
    return int(stack.client("dynamodb").scan(TableName=stack.outputs["table_name"], Select="COUNT")["Count"])


def is_stored(stack: Stack, schedule_id: str) -> bool:
    """Return whether the table has the schedule's record."""
    shard, seconds, unique = schedule_id.split("-", 2)
    key = {"shard": {"N": str(int(shard))}, "due": {"S": f"{seconds}#{unique}"}}
    table = stack.outputs["table_name"]
    return "Item" in stack.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
