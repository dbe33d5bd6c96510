"""Errors as RFC 9457 problem documents: one table from an error's code to its HTTP status.

A problem never repeats what was sent: its ``detail`` is the error's own sentence, and validation
failures name the field and the rule, not the value (threat CL-10).
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hygieia.errors import BlockMissing, HygieiaError, TooManyAttempts, Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import ValidationError

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
MAX_FIELD_ERRORS: Final = 10

STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "usage": 400,
    "invalid-input": 400,
    "credentials-refused": 401,
    "not-signed-in": 401,
    "forbidden": 403,
    "foreign-origin": 403,
    "append-only": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "not-acceptable": 406,
    "request-timeout": 408,
    "conflict": 409,
    "content-changed": 409,
    "duplicate": 409,
    "stale-revision": 412,
    "too-large": 413,
    "unsupported-media-type": 415,
    "block-missing": 422,
    "integrity": 422,
    "kdf-refused": 422,
    "key-mismatch": 422,
    "sealed-key-refused": 422,
    "certificate-refused": 422,
    "certificate-changed": 422,
    "envelope-refused": 422,
    "limit-exceeded": 422,
    "activity-altered": 422,
    "activity-gap": 422,
    "not-saved": 422,
    "note-refused": 422,
    "meta-mismatch": 422,
    "block-refused": 422,
    "dag-refused": 422,
    "record-refused": 422,
    "kit-refused": 422,
    "recipient-refused": 422,
    "delegation-refused": 422,
    "rollback": 422,
    "fork": 422,
    "precondition-required": 428,
    "too-many-attempts": 429,
    "configuration": 500,
    "failed": 500,
    "unreachable": 503,
    "unavailable": 503,
    "read-only": 503,
    "quota-exceeded": 507,
    "storage-full": 507,
}

_CODE_OF_HTTP_STATUS: Final[Mapping[int, str]] = {
    400: "usage",
    401: "not-signed-in",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "request-timeout",
    413: "too-large",
    415: "unsupported-media-type",
    503: "unavailable",
}


class RequestRefused(UsageError):
    """The request is wrong as HTTP (media type, size, precondition), before any rule was asked."""

    def __init__(
        self, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.problem_code = code
        self.headers = dict(headers or {})


class FieldsRefused(RequestRefused):
    """Fields of the request break their schema; ``fields`` name each and its rule."""

    def __init__(self, message: str, fields: Sequence[Mapping[str, str]]) -> None:
        super().__init__("invalid-input", message)
        self.fields = list(fields)


def code_of(error: HygieiaError) -> str:
    """The stable word for ``error`` in problems and logs."""
    return error.problem_code if isinstance(error, RequestRefused) else error.code


def status_of(code: str) -> int:
    """The HTTP status that goes with a code."""
    return STATUS_OF_CODE.get(code, 500)


def problem_type(code: str) -> str:
    """The stable URI reference of a code; it leads to the code's paragraph in ``/api/docs``."""
    return f"/api/docs#problem-{code}"


def problem_body(error: HygieiaError, request_id: str) -> dict[str, object]:
    """``error`` as the members of a problem document (RFC 9457 §3)."""
    code = code_of(error)
    status = status_of(code)
    body: dict[str, object] = {
        "type": problem_type(code),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error),
        "code": code,
        "request_id": request_id,
    }
    if error.hint is not None:
        body["hint"] = error.hint
    if isinstance(error, TooManyAttempts | Unavailable):
        body["retry_after"] = error.retry_after_seconds
    if isinstance(error, BlockMissing) and error.missing:
        body["missing"] = list(error.missing)
    if isinstance(error, FieldsRefused):
        body["fields"] = error.fields
    return body


def problem_response(error: HygieiaError, request_id: str) -> web.Response:
    """The answer to a request that ended in ``error``."""
    body = problem_body(error, request_id)
    response = web.Response(
        status=status_of(code_of(error)),
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type=PROBLEM_MEDIA_TYPE,
    )
    if "retry_after" in body:
        response.headers["Retry-After"] = str(body["retry_after"])
    if isinstance(error, RequestRefused):
        response.headers.update(error.headers)
    if response.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def from_http_exception(error: web.HTTPException) -> RequestRefused:
    """Refusals by aiohttp itself (no such route, wrong method) in our words."""
    code = _CODE_OF_HTTP_STATUS.get(error.status, "failed" if error.status >= 500 else "usage")
    messages = {
        404: "There is nothing at this address.",
        405: "This address does not take this method.",
        413: "The request's body is too large.",
    }
    message = messages.get(error.status, "The request cannot be understood.")
    headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
    return RequestRefused(code, message, headers=headers)


def from_validation_error(error: ValidationError) -> FieldsRefused:
    """A schema refusal that names declared fields and rules, and nothing that was sent."""
    fields: list[dict[str, str]] = []
    details = error.errors(include_input=False, include_url=False, include_context=False)
    for detail in details[:MAX_FIELD_ERRORS]:
        place = [str(part) for part in detail["loc"]]
        if detail["type"] == "extra_forbidden":
            # The name of an unknown field is the sender's text: only its place is told.
            place[-1:] = ["*"]
        message = "This is not valid JSON." if detail["type"] == "json_invalid" else detail["msg"]
        fields.append({"field": ".".join(place), "rule": detail["type"], "message": message})
    return FieldsRefused("A field of the request breaks its rule.", fields)
