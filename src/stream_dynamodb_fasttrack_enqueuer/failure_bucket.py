"""The failure bucket: the only module that knows S3."""

from __future__ import annotations

import json
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from delayer.clients import make_client
from delayer.retries import Pause, Remaining, call_with_retries

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["FailureBucket"]


class FailureBucket:
    """Keeps stream records that can never be sent. The client is made at first use, because most runs need none."""

    def __init__(self, name: str, pause: Pause = time.sleep) -> None:
        self._name = name
        self._pause = pause

    @cached_property
    def _client(self) -> S3Client:
        client: S3Client = make_client("s3", connections=1)
        return client

    def put(self, record: dict[str, Any], reason: str, remaining: Remaining) -> str:
        """Store a stream record with the reason, and return the object's key, which is the same for the same record.

        The object is `{"reason": …, "payload": …}`. `payload` is the event's JSON as text, as in the objects that a
        stream mapping writes to its S3 destination, so that `make redrive` reads both alike.

        Raises the errors of `call_with_retries`.
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
