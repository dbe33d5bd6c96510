"""BK-08: a crawler follows the IPNS name, and searches every public block, for a key to guess at."""

from __future__ import annotations

import json
from pathlib import Path

from hygieia.blocks.gateway import GatewayReader
from hygieia.client.index_sync import IndexSync
from hygieia.client.session import Session
from hygieia.client.state import ProfileStore
from hygieia.ipld.ipns import value_cid
from hygieia.openpgp.armor import PRIVATE_KEY
from tests.running import Person, RunningServer
from tests.security.forged_keys import packets_of
from tests.security.hostile import HostileProxy
from tests.security.victims import CONTENTS, PASSWORD, Victim, in_vault

# Long enough that chance does not bring it about in some MiB of ciphertext.
PIECE_BYTES = 12


def _secrets(victim: Victim) -> dict[str, bytes]:
    """What must not be found: pieces of whatever a password or code opens, and plain words."""
    kit = json.loads(victim.kit.read_text())
    pieces = {
        "armor of a secret key": b"BEGIN PGP PRIVATE",
        "seal MAC": kit["seal_mac"].encode(),
        "recovery MAC": kit["recovery_mac"].encode(),
        "revocation": kit["revocation"].splitlines()[3].encode(),
        "recovery code": victim.code.encode(),
        "password": PASSWORD.encode(),
        "email": victim.email.encode(),
        "a title": b"blood-test",
        "content": CONTENTS["blood-test.txt"][:20],
    }
    for name in ("sealed_key", "recovery_key"):
        pieces[f"{name}, armored"] = kit[name].splitlines()[3].encode()
        for place, (tag, body) in enumerate(packets_of(PRIVATE_KEY, kit[name])):
            pieces[f"{name}, packet {place} of tag {tag}"] = body[-PIECE_BYTES:]
    return pieces


def _found(secrets: dict[str, bytes], octets: bytes) -> list[str]:
    return [name for name, piece in secrets.items() if piece in octets]


async def test_what_the_name_leads_to_is_ciphertext_to_its_last_block(
    proxy: HostileProxy, victim: Victim
) -> None:
    name = json.loads(victim.kit.read_text())["ipns_name"]
    async with GatewayReader((proxy.address,)) as reader:
        record = (await reader.get_record(name)).record
        blocks = [b async for b in reader.fetch_dag(value_cid(record), max_bytes=1 << 24)]
    assert len(blocks) > 5
    assert _found(_secrets(victim), b"\n".join(block.data for block in blocks)) == []


def test_no_block_that_anyone_may_ask_for_holds_a_sealed_key(
    server: RunningServer, victim: Victim
) -> None:
    stored = [path for path in (server.data / "blocks").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in stored) > 2_500_000
    for path in stored:
        assert _found(_secrets(victim), path.read_bytes()) == [], path.name


def test_nothing_on_her_own_device_is_there_in_clear(victim: Victim) -> None:
    """A copied folder: no key, no token, no name of a report (the seal itself is sealed)."""
    profile = ProfileStore(victim.home, "default").load()
    assert profile is not None
    for path in victim.home.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            assert PASSWORD.encode() not in octets
            assert victim.code.encode() not in octets
            assert b"blood-test" not in octets


def test_a_session_tells_its_token_to_no_gateway(
    proxy: HostileProxy, victim: Victim, device: Person, tmp_path: Path
) -> None:
    """Blocks are asked for without it: a gateway is anybody."""

    async def work(session: Session, _: IndexSync, __: GatewayReader) -> str:
        return str(session.transport.token)

    token = in_vault(device, work)
    assert proxy.asked("GET", "/ipfs/.*")
    for request in proxy.asked("GET", "/ip[fn]s/.*"):
        assert token not in str(request.headers)
        assert "Authorization" not in request.headers
