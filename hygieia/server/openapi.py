"""The OpenAPI 3.1 document, generated from the routes' declarations."""

from __future__ import annotations

import re
from collections import defaultdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from hygieia import __version__
from hygieia.errors import HygieiaError, NotSignedIn, Unavailable
from hygieia.server.api import JSON_MEDIA_TYPE, IfMatch, Repeats, Role, Route
from hygieia.server.callers import COOKIE_NAME
from hygieia.server.problems import PROBLEM_MEDIA_TYPE, STATUS_OF_CODE
from hygieia.server.schemas.fields import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODEL_PLACE: Final = "#/components/schemas/{model}"
_INTRODUCTION: Final = """\
The API of a Hygieia server, a vault for health records that only their owner can read. The server
keeps ciphertext: no title, file name or content appears in any request or answer.

Errors are problem documents (RFC 9457) whose `code` is a stable word. Lists take `limit` and
`after` and answer with `next`. What carries a `rev` has it as its ETag; changes that require
`If-Match` are refused with 412 when it is stale. Every unsafe request takes an `Idempotency-Key`:
a repetition under the same key is given the first answer.
"""
_REPEATS: Final = {
    Repeats.KEPT: "Repeating a request under its key within a day gives the first answer again, "
    "once all it asked was done. Answers are kept sealed under the request itself.",
    Repeats.KEPT_FOR_TOKEN: "Repeating a request under its key and token within a day gives the "
    "first answer again, also where that ended the session.",
    Repeats.HARMLESS: "Taken, and makes no difference: to repeat this request does no harm.",
}


def openapi_document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document for ``routes``; the same routes always give the same document."""
    definitions, references = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    tags = list(dict.fromkeys(route.tag for route in routes))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hygieia",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE_NAME},
            },
        },
    }


_References = dict[tuple[type[Any], Any], dict[str, Any]]


def _schemas(routes: Sequence[Route]) -> tuple[dict[str, Any], _References]:
    wanted: dict[tuple[type[Any], Any], None] = {(Problem, "serialization"): None}
    for route in routes:
        if "body" in route.models:
            wanted[route.models["body"], "validation"] = None
        if route.answer is not None:
            wanted[route.answer, "serialization"] = None
    references, definitions = models_json_schema(list(wanted), ref_template=_MODEL_PLACE)
    return definitions.get("$defs", {}), dict(references.items())


def _operation(route: Route, references: _References) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [route.tag],
        "summary": route.summary,
    }
    if route.description:
        operation["description"] = route.description
    operation["security"] = (
        [] if route.says.role is Role.PUBLIC else [{"bearer": []}, {"cookie": []}]
    )
    parameters = _parameters(route)
    if parameters:
        operation["parameters"] = parameters
    body = _request_body(route, references)
    if body:
        operation["requestBody"] = body
    operation["responses"] = _responses(route, references)
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for place in ("path", "query"):
        if place not in route.models:
            continue
        schema = route.models[place].model_json_schema()
        for name, field in schema["properties"].items():
            required = place == "path" or name in schema.get("required", [])
            parameters.append({"name": name, "in": place, "required": required, "schema": field})
    if route.says.if_match is not IfMatch.NONE:
        parameters.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": route.says.if_match is IfMatch.REQUIRED,
                "description": "The ETag of what this change is based on.",
                "schema": {"type": "string", "pattern": r'^"[0-9]{1,16}"$'},
            }
        )
    if route.unsafe:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": _REPEATS[route.says.repeats],
                "schema": {"type": "string", "pattern": r"^[!-~]{1,128}$"},
            }
        )
    return parameters


def _request_body(route: Route, references: _References) -> dict[str, Any] | None:
    if "body" in route.models:
        schema = references[route.models["body"], "validation"]
        return {"required": True, "content": {JSON_MEDIA_TYPE: {"schema": schema}}}
    if route.says.body_media_type is not None:
        return {
            "required": True,
            "description": f"At most {route.says.max_body_bytes} bytes.",
            "content": {route.says.body_media_type: {}},
        }
    return None


def _responses(route: Route, references: _References) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if route.answer is None:
        responses["204"] = {"description": "Done."}
    else:
        content = {JSON_MEDIA_TYPE: {"schema": references[route.answer, "serialization"]}}
        phrase = HTTPStatus(route.says.status).phrase
        responses[str(route.says.status)] = {"description": phrase, "content": content}
        for status, meaning in route.says.other_statuses.items():
            responses[str(status)] = {"description": meaning, "content": content}
    problem = {PROBLEM_MEDIA_TYPE: {"schema": references[Problem, "serialization"]}}
    for status, codes in sorted(_problem_codes(route).items()):
        listed = ", ".join(f"`{code}`" for code in sorted(codes))
        responses[str(status)] = {"description": f"Problem: {listed}.", "content": problem}
    responses["default"] = {"description": "Any other problem.", "content": problem}
    return responses


def _problem_codes(route: Route) -> dict[int, set[str]]:
    """What can go wrong: what the route declares and what follows from what it takes."""
    errors: tuple[type[HygieiaError], ...] = (*route.says.problems, Unavailable)
    codes = {error.code for error in errors}
    codes |= {"usage"}
    if route.models:
        codes.add("invalid-input")
    if route.says.role is Role.ACCOUNT:
        codes.add(NotSignedIn.code)
    if route.unsafe:
        codes |= {"foreign-origin", "unsupported-media-type"}
    if route.says.body_media_type is not None or "body" in route.models:
        codes |= {"too-large", "request-timeout"}
    if route.says.if_match is IfMatch.REQUIRED:
        codes.add("precondition-required")
    if route.keeps_answers:
        codes.add("conflict")
    grouped: dict[int, set[str]] = defaultdict(set)
    for code in codes:
        grouped[STATUS_OF_CODE[code]].add(code)
    return dict(grouped)


def problem_meanings() -> dict[str, str]:
    """Each code and what it means: the docstrings of the error tree, for the human page."""
    meanings: dict[str, str] = {}
    pending: list[type[HygieiaError]] = [HygieiaError]
    while pending:
        error = pending.pop()
        pending.extend(error.__subclasses__())
        code = vars(error).get("code")
        if isinstance(code, str) and error.__module__ == HygieiaError.__module__:
            text = " ".join((error.__doc__ or "").split())
            meanings[code] = re.sub(r"``(.+?)``", r"\1", text)
    return dict(sorted(meanings.items()))
