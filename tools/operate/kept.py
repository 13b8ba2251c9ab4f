"""Read the failure bucket: records that the fast track kept, and batches that the stream mapping gave up."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import batched, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

type Record = dict[str, Any]

#: Objects read at once, and held in memory: the stream mapping's have up to 6 MB each.
_READERS = 8
_READ_AHEAD = 32


class Listed(NamedTuple):
    """A key of the failure bucket, with its versions, the newest first."""

    since: datetime
    key: str
    versions: Sequence[str]


class Kept(NamedTuple):
    """An object's content: the records, and why they were kept; or none, and why the object can't be read."""

    listed: Listed
    records: Sequence[Record]
    reason: str


def list_bucket(s3: Any, bucket: str, since: datetime | None = None) -> list[Listed]:
    """Return the objects in the failure bucket, the oldest first; with `since`, those that were kept from then on."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    listed = []
    # S3 sorts by key, and a key's versions come newest first. If the newest is a deletion, it is not among them.
    found = (version for page in pages for version in page.get("Versions", []))
    for key, versions in groupby(found, itemgetter("Key")):
        newest, *older = versions
        if newest["IsLatest"] and (since is None or newest["LastModified"] >= since):
            identifiers = [version["VersionId"] for version in (newest, *older)]
            listed.append(Listed(newest["LastModified"], key, identifiers))
    return sorted(listed)


def read_objects(s3: Any, bucket: str, listed: Sequence[Listed]) -> Iterator[Kept]:
    """Yield the content of objects, and leave out those that are gone by now. Raises ClientError, BotoCoreError."""
    with ThreadPoolExecutor(_READERS) as readers:
        for window in batched(listed, _READ_AHEAD, strict=False):
            yield from filter(None, readers.map(partial(_read, s3, bucket), window))


def _read(s3: Any, bucket: str, listed: Listed) -> Kept | None:
    try:
        answer = s3.get_object(Bucket=bucket, Key=listed.key, VersionId=listed.versions[0])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
            return None
        raise
    text = answer["Body"].read()
    try:
        document = json.loads(text)
        return Kept(listed, _records(document), _reason(document))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Kept(listed, [], f"the object can't be read: {error!r}")


def _records(document: Mapping[str, Any]) -> Sequence[Record]:
    """Return the records of the event in an object. Raises KeyError, TypeError or ValueError if it is no event."""
    records: Sequence[Record] = json.loads(document["payload"])["Records"]
    if not records:
        raise ValueError("it holds no record")
    for record in records:
        # The function needs these to name a failed record and to keep it.
        for value in (record["eventID"], record["eventName"], record["dynamodb"]["SequenceNumber"]):
            if not isinstance(value, str):
                raise TypeError(f"{value!r} is no text")
    return records


def _reason(document: Mapping[str, Any]) -> str:
    """Return the function's reason, or the mapping's (AWS Lambda developer guide, "Retaining discarded records")."""
    if "reason" in document:
        return str(document["reason"])
    context = document.get("requestContext") or {}
    reason = f"the stream mapping gave it up: {context.get('condition', 'for no stated reason')}"
    if "approximateInvokeCount" in context:
        reason += f" after about {context['approximateInvokeCount']} calls"
    function_error = (document.get("responseContext") or {}).get("functionError")
    return f"{reason}; function error {function_error}" if function_error else reason
