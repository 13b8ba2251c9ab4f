"""The failure bucket: the only module that knows S3."""

from __future__ import annotations

import json
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3

from delayer.retries import Pause, Remaining, call_with_retries, client_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["FailureBucket"]


class FailureBucket:
    """Keeps whole stream records that can never be handled. Its client is made at first use, for it is seldom used."""

    def __init__(self, name: str, pause: Pause = time.sleep) -> None:
        self._name = name
        self._pause = pause

    @cached_property
    def _client(self) -> S3Client:
        return boto3.client("s3", config=client_config(connections=1))

    def put(self, record: dict[str, Any], reason: str, remaining: Remaining) -> str:
        """Keep a stream record with the reason, and answer its key; the same record again takes the same place.

        `payload` is the event as text, as it is in what a stream mapping writes to an S3 destination, so that there is
        one way back for both.

        Raises:
            OutOfTimeError, botocore.exceptions.ClientError, BotoCoreError: see call_with_retries; it is not kept.
        """
        key = f"fasttrack/{record['eventID']}.json"
        document = {"reason": reason, "payload": json.dumps({"Records": [record]})}
        call_with_retries(
            lambda: self._client.put_object(
                Bucket=self._name, Key=key, Body=json.dumps(document).encode(), ContentType="application/json"
            ),
            remaining,
            self._pause,
        )
        return key
