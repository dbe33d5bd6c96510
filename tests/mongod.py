"""MongoDB's own server for tests: members of one replica set, on loopback and gone afterwards.

They ask for passwords, as MongoDB's manual wants of a set. What they keep is in memory, so that a
test does not wait for the machine's disk; each writes its journal all the same.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from tests.ports import free_port
from tests.small_disk import small_disk

SET = "vault"
START_SECONDS = 120
MEMBER_MIB = 700
ELECTION_MS = 10_000
"""As MongoDB has it: a machine that stands still for some seconds shall not call for one."""

Client = pymongo.MongoClient[dict[str, Any]]


@dataclass(slots=True)
class Member:
    """One mongod; it can be killed and started again at the same address."""

    program: Path
    folder: Path
    key: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """How the set and its clients name it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it; who needs it waits."""
        self.folder.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [
                # When the tests are killed, it goes with them.
                *("setpriv", "--pdeathsig", "KILL", self.program),
                *("--replSet", SET, "--keyFile", self.key, "--dbpath", self.folder),
                *("--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket"),
                *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"),
                *("--journalCommitInterval", "1"),
                *("--setParameter", "diagnosticDataCollectionEnabled=false"),
                *("--logpath", self.folder.with_suffix(".log"), "--logappend"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """Ends it with no time to say or to write anything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass(frozen=True, slots=True)
class ReplicaSet:
    """Members that keep the same documents, and the password of their root."""

    members: Sequence[Member]
    password: str

    @property
    def hosts(self) -> str:
        """All members, as an address names them."""
        return ",".join(member.host for member in self.members)

    @property
    def uri(self) -> str:
        """The set's address, for its root."""
        return f"mongodb://root:{self.password}@{self.hosts}/?replicaSet={SET}"

    def user(self, database: str, *roles: str) -> str:
        """A new user of one database, with these roles in it; its address."""
        name, password = f"user-{secrets.token_hex(4)}", secrets.token_hex(16)
        with Client(self.uri) as client:
            client[database].command("createUser", name, pwd=password, roles=list(roles))
        return f"mongodb://{name}:{password}@{self.hosts}/{database}?replicaSet={SET}"

    def primary(self) -> Member:
        """The member that takes writes, once there is one."""
        return self._wait(lambda hello: bool(hello["isWritablePrimary"]))

    def secondary(self) -> Member:
        """One that follows it."""
        return self._wait(lambda hello: bool(hello.get("secondary")))

    def is_whole(self) -> bool:
        """Whether there is a primary and everybody else follows it. Waits for that."""
        self.primary()
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            states = [hello(member) for member in self.members]
            if all(one.get("isWritablePrimary") or one.get("secondary") for one in states):
                return True
            time.sleep(0.2)
        return False

    def _wait(self, fits: Any) -> Member:  # noqa: ANN401  (a function of what a member says of itself)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for member in self.members:
                said = hello(member)
                if said and fits(said):
                    return member
            time.sleep(0.2)
        logs = [member.folder.with_suffix(".log").read_text()[-1000:] for member in self.members]
        raise AssertionError("the replica set has no such member:\n" + "\n".join(logs))


def hello(member: Member) -> dict[str, Any]:
    """What a member says of itself, nothing where it does not answer."""
    try:
        with Client(member.host, directConnection=True, timeoutMS=5000) as client:
            return client.admin.command("hello")
    except PyMongoError:
        return {}


@contextlib.contextmanager
def replica_set(program: Path, folder: Path, count: int) -> Iterator[ReplicaSet]:
    """A new set of so many members, with its data in ``folder``. Needs root, for a disk in memory."""
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(small_disk(folder, count * MEMBER_MIB))
        key = folder / "key"
        key.write_text(secrets.token_hex(64))
        key.chmod(0o600)
        members = [
            Member(program, folder / f"member-{number}", key, free_port())
            for number in range(count)
        ]
        for member in members:
            stack.callback(member.kill)
            member.start()
        made = ReplicaSet(members, secrets.token_hex(16))
        _found(made)
        assert made.is_whole()
        yield made


def _found(made: ReplicaSet) -> None:
    """Makes a set of the members, and its first user, whom only this machine may make."""
    patience = START_SECONDS * 1000
    for member in made.members:  # a set is refused while one of them does not listen yet
        with Client(
            member.host, directConnection=True, serverSelectionTimeoutMS=patience
        ) as client:
            client.admin.command("ping")
    with Client(made.members[0].host, directConnection=True) as client:
        members = [{"_id": number, "host": one.host} for number, one in enumerate(made.members)]
        settings = {"electionTimeoutMillis": ELECTION_MS}
        config = {"_id": SET, "members": members, "settings": settings}
        client.admin.command("replSetInitiate", config)
    with Client(made.primary().host, directConnection=True) as client:
        client.admin.command("createUser", "root", pwd=made.password, roles=["root"])
