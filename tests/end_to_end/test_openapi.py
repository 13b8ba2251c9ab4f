"""The running API answers every request as docs/openapi.yaml describes.

schemathesis makes the requests: at the bounds of each parameter, at random, and along the links. It checks statuses,
content types, headers and bodies against the description, and that nothing answers 5xx.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import settings
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig

from tests.support.documents import ROOT
from tests.support.property_tests import UNCHECKED
from tools.local.stack import ACCESS_KEY, REGION, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import PreparedRequest

DAY_SECONDS = 86_400

CONFIG = {
    "generation": {"database": "none", "deterministic": True, "max-examples": 40, "with-security-parameters": False},
    # An HTTP API answers 404 to a method that is no route, where the check wants 405.
    "checks": {"unsupported_method": {"enabled": False}},
    "operations": [
        {
            # That `from` is not after `to`, and that a cursor is ours, can't be described.
            "include-operation-id": "listSchedules",
            "checks": {"positive_data_acceptance": {"enabled": False}},
        },
        {
            # The items of an array are judged alone; see items_are_judged.
            "include-operation-id": "postSchedules",
            "checks": {"negative_data_rejection": {"enabled": False}},
        },
    ],
}


def _rfc_3339(seconds_ahead: int) -> str:
    return datetime.fromtimestamp(int(time.time()) + seconds_ahead, UTC).isoformat()


# Within the horizon, and so far ahead that no message is sent while other tests read the queue.
schemathesis.openapi.format("date-time", st.integers(2 * DAY_SECONDS, 3_000 * DAY_SECONDS).map(_rfc_3339))
load_all_checks()
api = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.yaml", config=SchemathesisConfig.from_dict(CONFIG))


class Signature(AuthBase):
    """Signs requests as the account's owner."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the headers of Signature Version 4."""
        signed = AWSRequest(request.method, request.url, data=request.body)
        SigV4Auth(Credentials(ACCESS_KEY, ACCESS_KEY), "execute-api", REGION).add_auth(signed)
        request.headers.update(signed.headers.items())
        return request


@schemathesis.check
def items_are_judged(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A described post is accepted, with all items of an array; of any other, the whole or an item is refused."""
    if case.operation.label != "POST /schedules" or case.meta is None:
        return
    is_accepted = response.status_code == 201 or (
        response.status_code == 200 and all(each["status"] == 201 for each in response.json()["results"])
    )
    assert is_accepted == case.meta.generation.mode.is_positive, response.text


@pytest.fixture(scope="module")
def options(stack: Stack) -> Iterator[dict[str, Any]]:
    """Return the options of every call: where, and signed."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        yield {"auth": Signature(), "base_url": stack.api_url, "session": session}


@api.parametrize()
@pytest.mark.usefixtures("scenario")  # which counts what was posted, and is over by then
def test_any_request_is_answered_as_described(options: dict[str, Any], case: schemathesis.Case[Any]) -> None:
    """GIVEN a request by the description, or not WHEN it is sent THEN its answer is described."""
    case.call_and_validate(**options)


@pytest.mark.usefixtures("scenario")
def test_links_lead_where_described(options: dict[str, Any]) -> None:
    """GIVEN posts WHEN their links are followed THEN every answer is described, and nothing is found once cancelled."""

    class Machine(api.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, _case: schemathesis.Case[Any]) -> dict[str, Any]:
            return options

    fixed = settings(deadline=None, derandomize=True, database=None, suppress_health_check=UNCHECKED)
    Machine.run(settings=settings(fixed, max_examples=30, stateful_step_count=6))
