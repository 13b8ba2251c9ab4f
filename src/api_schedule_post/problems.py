"""Problems of requests, as RFC 9457 problem details."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http import HTTPStatus

__all__ = ["ProblemError"]


class ProblemError(Exception):
    """A request that can't be accepted.

    `status` is the HTTP status, `field` names the wrong member of the body or header (`body` for the whole body), and
    `detail` is a sentence for the caller. `retry_after_seconds` becomes the Retry-After header.
    """

    def __init__(self, status: HTTPStatus, field: str, detail: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds

    def document(self) -> dict[str, object]:
        """Return the members of `application/problem+json`. `field` is our extension."""
        return {
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "field": self.field,
        }
