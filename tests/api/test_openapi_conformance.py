"""The running server keeps to its own OpenAPI document: schemathesis makes requests from it.

A real process, two kinds of caller: nobody, and somebody signed in. Derandomised and bounded, so
that a failure in one run is a failure in the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.factories.dags import new_report
from tests.factories.servers import CAR, Api, Member
from tests.people import ADA
from tests.running import RunningServer, running_server

EXAMPLES = 10
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]

bounded = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("server"),
        log_level="error",
        sign_in_attempts_address="1000000",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    async def sign_up() -> str:
        async with aiohttp.ClientSession() as http:
            member = Member(Api(server.address, None, http), ADA)  # type: ignore[arg-type]  # a stand-in for the test
            reply = await member.api.call("POST", "/api/v1/accounts", member.sign_up_body())
            return str(reply.json["token"])

    return asyncio.run(sign_up())


# The committed document is the one served: test_http_surface.py compares them.
DOCUMENT = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"
# 413 is a refusal too, which schemathesis does not count as one by itself.
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, 503, 507]
schema = schemathesis.openapi.from_path(
    DOCUMENT,
    config=schemathesis.Config.from_dict(
        {
            "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
            "request-timeout": 120,
        }
    ),
)


@schemathesis.serializer(CAR)
def as_it_is(_: object, value: bytes) -> bytes:
    return value


schemathesis.openapi.media_type(
    CAR, st.one_of(st.binary(max_size=200), st.just(new_report().car()))
)


@schema.parametrize()
@bounded
def test_nobody_is_answered_as_documented(
    case: schemathesis.Case[Any], server: RunningServer
) -> None:
    case.call_and_validate(base_url=server.address, checks=CHECKS)


@schema.exclude(operation_id=["sign_out", "end_other_sessions"]).parametrize()
@bounded
def test_somebody_is_answered_as_documented(
    case: schemathesis.Case[Any], server: RunningServer, token: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    case.call_and_validate(base_url=server.address, checks=CHECKS, headers=headers)
