"""The suite can be held against any MongoDB: HYGIEIA_TEST_MONGODB_URI, proven on a real mongod."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mongod import Client
from tests.mongodb import MongoDb

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
CONTRACT = "tests/contract/documents/test_expiry.py"


def contract_on(uri: str) -> str:
    """What a run of a part of the contract says that knows of no other server than this one."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("HYGIEIA_", "PYTEST_"))}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "servers", "-k", "mongodb"),
            *("-p", "no:cacheprovider", CONTRACT),
        ],
        env=plain | {"HYGIEIA_TEST_MONGODB_URI": uri, "HYGIEIA_TEST_NO_SKIP": "1"},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_contract_is_held_against_the_server_that_is_named_and_leaves_nothing_there(
    mongod: MongoDb,
) -> None:
    with Client(mongod.uri) as client:
        before = client.admin.command("serverStatus")["opcounters"]["insert"]
        last = contract_on(mongod.uri).splitlines()[-1]
        inserted = client.admin.command("serverStatus")["opcounters"]["insert"] - before
        passed = re.search(r"(\d+) passed", last)
        assert passed is not None
        assert inserted > int(passed[1])  # that of a mark for each database alone is as many
        assert not [name for name in client.list_database_names() if name.startswith("hygieia")]
