"""Schedules are looked up, listed, cancelled and posted in arrays through the real HTTP routes."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from api_schedule_post.request import MAX_ARRAY_BYTES, MAX_SCHEDULES
from delayer.schedules import CANCELLABLE_SECONDS, format_point_in_time
from tests.end_to_end.conftest import receive, unread_stream
from tests.support.documents import example
from tests.support.http_events import NO_IDS
from tests.support.records import count
from tests.support.waiting import comes_true
from tools.local.stack import REGION, Answer, Stack
from tools.project import FAST_TRACK, SWEEP

if TYPE_CHECKING:
    from collections.abc import Iterator

# The scenario counts what was posted, and is over by then.
pytestmark = pytest.mark.usefixtures("scenario")

DAY_SECONDS = 86_400


def document(due: float, payload: object) -> dict[str, object]:
    """Return the object that requests a schedule."""
    return {"pointInTime": format_point_in_time(int(due)), "payload": payload}


def post(stack: Stack, due: float, payload: object = None) -> str:
    """Post a schedule, and return its scheduleId."""
    answer = stack.post(json.dumps(document(due, payload)).encode())
    assert answer.status == 201, answer
    return str(answer.body["scheduleId"])


def post_array(stack: Stack, items: list[dict[str, object]], **headers: str) -> list[dict[str, Any]]:
    """Post schedules in one request, and return the results."""
    answer = stack.post(json.dumps(items).encode(), headers)
    assert answer.status == 200, answer
    results: list[dict[str, Any]] = answer.body["results"]
    return results


def header(answer: Answer, name: str) -> str | None:
    """Return the value of a header."""
    return {key.lower(): value for key, value in answer.headers.items()}.get(name)


def test_location_can_be_looked_up_at_once(stack: Stack) -> None:
    """The path in the answer to a post leads to the schedule, with its payload."""
    asked = document(time.time() + DAY_SECONDS, {"number": 1, "text": "é 🎉"})
    posted = stack.post(json.dumps(asked).encode())
    location = header(posted, "location")
    assert location is not None
    found = stack.request("GET", location.removeprefix("/schedules"))
    assert (found.status, found.body) == (200, {"scheduleId": posted.body["scheduleId"], **asked})


def test_percent_encoded_id_is_looked_up(stack: Stack) -> None:
    """The gateway decodes the path."""
    schedule_id = post(stack, time.time() + DAY_SECONDS)
    assert stack.request("GET", "/" + schedule_id.replace("-", "%2D")).body["scheduleId"] == schedule_id


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_path_without_a_schedule_id_is_not_found(stack: Stack, method: str) -> None:
    """By the function or by the gateway; nothing answers 5xx."""
    paths = ["/../", "/../schedules", "/%2e%2e%2f", *("/" + quote(text, safe="") for text in NO_IDS)]
    assert {path[:40]: stack.request(method, path).status for path in paths} == {path[:40]: 404 for path in paths}


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("DELETE", ""), ("GET", "/"), ("POST", "/some-id")])
def test_path_or_method_without_a_route_is_not_found(stack: Stack, method: str, path: str) -> None:
    """For an unsigned request too: the gateway finds no route whose authorization it could check."""
    answer = stack.send({}, None, method, path)
    assert (answer.status, answer.body) == (404, {"message": "Not Found"})


def test_list_goes_through_all_pages_in_order(stack: Stack) -> None:
    """GIVEN a thousand schedules of one request WHEN one is cancelled after the first page THEN all others are listed.

    Each is listed once, by pointInTime.
    """
    start = int(time.time()) + 40 * DAY_SECONDS
    # 7 and 1000 have no common divisor, so that every second of the range is taken, and out of order.
    items = [document(start + 7 * number % MAX_SCHEDULES, number) for number in range(MAX_SCHEDULES)]
    ids = [result["scheduleId"] for result in post_array(stack, items)]
    due_in_order = sorted(ids, key=lambda schedule_id: schedule_id.split("-")[1])
    query = {
        "from": format_point_in_time(start),
        "to": format_point_in_time(start + MAX_SCHEDULES),
        "limit": "300",
    }
    pages = list_pages(stack, query)
    listed = next(pages)
    gone = due_in_order[500]
    assert stack.request("DELETE", f"/{gone}").status == 204
    for page in pages:
        assert len(page) <= 300
        listed += page
    assert listed == [each for each in due_in_order if each != gone]


def list_pages(stack: Stack, query: dict[str, str]) -> Iterator[list[str]]:
    """Yield the scheduleIds of each page of a list."""
    while True:
        answer = stack.request("GET", f"?{urlencode(query)}")
        assert answer.status == 200, answer
        yield [each["scheduleId"] for each in answer.body["schedules"]]
        if answer.body["cursor"] is None:
            return
        query = query | {"cursor": answer.body["cursor"]}


def test_each_item_of_an_array_is_judged_alone(stack: Stack) -> None:
    """One wrong item among a thousand is refused in its place, and the others are stored."""
    before = count(stack)
    due = time.time() + 50 * DAY_SECONDS
    items = [document(due, number) for number in range(MAX_SCHEDULES)]
    items[500] = {"pointInTime": "tomorrow", "payload": None}
    results = post_array(stack, items)
    assert [place for place, result in enumerate(results) if result["status"] != 201] == [500]
    assert (results[500]["status"], results[500]["field"]) == (400, "pointInTime")
    assert count(stack) == before + MAX_SCHEDULES - 1


def test_repeated_array_gets_the_same_ids(stack: Stack) -> None:
    """GIVEN an Idempotency-Key WHEN an array is sent twice THEN each of its equal items is stored once."""
    before = count(stack)
    items = [document(time.time() + DAY_SECONDS, "equal")] * 3
    first = post_array(stack, items, **{"idempotency-key": "array-1"})
    assert post_array(stack, items, **{"idempotency-key": "array-1"}) == first
    assert len({result["scheduleId"] for result in first}) == 3
    assert count(stack) == before + 3


def test_too_large_array_is_refused_with_its_size(stack: Stack) -> None:
    """A thousand items of 5 KB are more than the limit, and nothing is stored."""
    before = count(stack)
    body = json.dumps([document(time.time() + DAY_SECONDS, "x" * 5_000)] * MAX_SCHEDULES).encode()
    answer = stack.post(body)
    assert (answer.status, answer.body["field"]) == (413, "body")
    assert str(len(body)) in answer.body["detail"]
    assert str(MAX_ARRAY_BYTES) in answer.body["detail"]
    assert count(stack) == before


def test_cancelled_schedule_gets_no_message(stack: Stack) -> None:
    """The first DELETE answers 204 without a body, the second 404; the fast track counts a cancellation."""
    schedule_id = post(stack, time.time() + CANCELLABLE_SECONDS + 100)
    answer = stack.request("DELETE", f"/{schedule_id}")
    assert (answer.status, answer.body) == (204, "")
    assert stack.request("DELETE", f"/{schedule_id}").status == 404
    assert stack.request("GET", f"/{schedule_id}").status == 404
    assert comes_true(lambda: "cancelled" in logged(stack, schedule_id)), "the fast track never met the removal"
    assert logged(stack, schedule_id) == {"cancelled"}


def logged(stack: Stack, schedule_id: str) -> set[str]:
    """Return the messages of the fast track's log that name a schedule."""
    pages = stack.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=stack.outputs["log_group_names"][FAST_TRACK], filterPattern=f'"{schedule_id}"')
    return {json.loads(event["message"])["message"] for page in found for event in page["events"]}


def test_schedule_near_its_time_is_not_cancelled(stack: Stack) -> None:
    """The answer is 409 with the last time at which it was possible, and the schedule stays."""
    due = int(time.time()) + CANCELLABLE_SECONDS - 5
    schedule_id = post(stack, due)
    answer = stack.request("DELETE", f"/{schedule_id}")
    assert (answer.status, answer.body["field"]) == (409, "scheduleId")
    assert format_point_in_time(due - CANCELLABLE_SECONDS) in answer.body["detail"]
    assert stack.request("GET", f"/{schedule_id}").status == 200


def test_schedule_is_not_cancelled_while_it_is_swept(stack: Stack) -> None:
    """GIVEN due schedules WHEN they are cancelled during a sweep THEN each answer is 409, each message comes once."""
    with unread_stream(stack), ThreadPoolExecutor(10) as pool:
        due = int(time.time()) + 5
        ids = {post(stack, due, number) for number in range(20)}
        sweep = pool.submit(
            stack.client("lambda").invoke, FunctionName=stack.outputs["function_names"][SWEEP], Payload="{}"
        )
        answers = list(pool.map(lambda schedule_id: stack.request("DELETE", f"/{schedule_id}"), ids))
        assert "FunctionError" not in sweep.result()
    assert {answer.status for answer in answers} == {409}
    assert receive(stack, ids) == sorted(ids)


ALLOWED: dict[str, tuple[list[str], dict[str, int]]] = {
    "read": (["GET/schedules", "GET/schedules/*"], {"POST": 403, "list": 200, "GET": 200, "DELETE": 403}),
    "post": (["POST/schedules"], {"POST": 201, "list": 403, "GET": 403, "DELETE": 403}),
    "cancel": (["DELETE/schedules/*"], {"POST": 403, "list": 403, "GET": 403, "DELETE": 204}),
    "nothing": ([], {"POST": 403, "list": 403, "GET": 403, "DELETE": 403}),
}


def api_arn(stack: Stack) -> str:
    """Return what `api_execution_arn` is in AWS; here the provider does not know the account."""
    return f"arn:aws:execute-api:{REGION}:000000000000:{stack.outputs['api_id']}"


def answers_to_caller(stack: Stack, name: str, policy: dict[str, Any]) -> dict[str, int]:
    """Return the status of each route for a new user with this policy."""
    iam = stack.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="calls", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def status(method: str, path: str, body: bytes | None = None) -> int:
        headers = {} if body is None else {"content-type": "application/json"}
        request = AWSRequest(method, stack.schedules_url + path, data=body, headers=headers)
        SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
        return stack.send(dict(request.headers), body, method, path).status

    due = time.time() + DAY_SECONDS
    schedule_id = post(stack, due)
    return {
        "POST": status("POST", "", json.dumps(document(due, None)).encode()),
        "list": status("GET", "?limit=1"),
        "GET": status("GET", f"/{schedule_id}"),
        "DELETE": status("DELETE", f"/{schedule_id}"),
    }


@pytest.mark.parametrize(("routes", "answers"), ALLOWED.values(), ids=ALLOWED)
def test_caller_reaches_only_the_routes_of_the_policy(
    stack: Stack, request: pytest.FixtureRequest, routes: list[str], answers: dict[str, int]
) -> None:
    """All others answer 403."""
    # A statement needs a resource, and this one is no route.
    resources = [f"{api_arn(stack)}/*/{route}" for route in routes or ["PUT/schedules"]]
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    assert answers_to_caller(stack, f"may-{request.node.callspec.id}", policy) == answers


def test_policy_in_the_documentation_allows_to_post_and_to_read(stack: Stack) -> None:
    """And not to cancel."""
    text = example("docs/api.md", "Who may do what", "json")
    policy = json.loads(text.replace("arn:aws:execute-api:eu-west-1:111122223333:dc65c865", api_arn(stack)))
    answers = answers_to_caller(stack, "as-documented", policy)
    assert answers == {"POST": 201, "list": 200, "GET": 200, "DELETE": 403}
