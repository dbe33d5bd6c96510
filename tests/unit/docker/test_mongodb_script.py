"""docker/mongodb.js, MongoDB's health check: CI has its mongod but no mongosh, which Node plays before none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPT = HERE.parents[2] / "docker" / "mongodb.js"
SECRETS = {"documents": "mongodb://vault:p%2Fw@mongodb:27017/hygieia", "mongodb-root": "r@t"}


def asked_of(**state: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (a mongod's state)
    """What the script asks of a mongod in a state, and how it ends."""
    start = {"initiated": True, "primary": True, "users": [], "refusal": "NotYetInitialized"}
    done = subprocess.run(
        ["node", HERE / "mongosh.mjs", SCRIPT],
        input=json.dumps({"secrets": SECRETS} | start | state),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_it_signs_in_as_root_at_this_very_member() -> None:
    (first, *_) = asked_of()
    address = first["connect"]
    assert address.startswith("mongodb://root:r%40t@mongodb:27017/admin?directConnection=true")


def test_a_new_mongod_becomes_a_replica_set_of_one() -> None:
    asked = asked_of(initiated=False, primary=False)
    (initiated,) = [one["replSetInitiate"] for one in asked if "replSetInitiate" in one]
    assert initiated == {"_id": "vault", "members": [{"_id": 0, "host": "mongodb:27017"}]}
    assert f"--replSet {initiated['_id']}" in SCRIPT.with_name("compose.yaml").read_text()
    assert asked[-1] == {"quit": 1}, "it is not healthy before it has a primary"
    assert not any("createUser" in one for one in asked)


def test_a_primary_gets_the_vaults_user_once() -> None:
    asked = asked_of()
    (made,) = [one for one in asked if "createUser" in one]
    assert made["database"] == "hygieia"
    assert made["createUser"] == {
        "user": "vault",
        "pwd": "p/w",
        "roles": [{"role": "readWrite", "db": "hygieia"}],
    }
    assert asked[-1] == {"quit": 0}
    again = asked_of(users=[{"user": "vault"}])
    assert not any("createUser" in one for one in again)
    assert again[-1] == {"quit": 0}


def test_a_secondary_that_has_the_user_is_healthy() -> None:
    assert asked_of(primary=False, users=[{"user": "vault"}])[-1] == {"quit": 0}


def test_what_it_cannot_explain_it_does_not_mend() -> None:
    asked = asked_of(initiated=False, refusal="Unauthorized")
    assert "failed" in asked[-1]
    assert not any("replSetInitiate" in one for one in asked)
