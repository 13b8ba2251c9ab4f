"""What is wrong with a request, as RFC 9457 problem details."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http import HTTPStatus

__all__ = ["ProblemError"]


class ProblemError(Exception):
    """A request that can't be accepted: the HTTP status, one sentence, and the field at fault."""

    def __init__(self, status: HTTPStatus, field: str, detail: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds

    def document(self) -> dict[str, object]:
        """The members of `application/problem+json`. `field` is an extension: a body's member, a header or `body`."""
        return {
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "field": self.field,
        }
