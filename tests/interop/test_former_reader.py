"""What a former reader still opens by hand: her key, a session key she kept, and any gateway.

No client of ours is on her side: she has what she wrote down while she might read, Debian 13's sq
and the addresses of files on a gateway (threat RC-05).
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from hygieia.client import Device
from tests.factories.servers import Api, running_api, settings_in
from tests.interop.programs import Sq, secret_key_text
from tests.unit.client.people import meet, received, share, stored, unshare
from tests.unit.client.vaults import PASSWORD, file_in

pytestmark = pytest.mark.interop

FIRST, SECOND = b"Hb 13.9 g/dl, for both to read", b"Hb 14.1 g/dl, for Ana alone"


async def opened(sq: Sq, api: Api, root: str, *how: str) -> bytes | None:
    """The content of a root as a gateway gives it and sq opens it; None where it does not."""
    reply = await api.call("GET", f"/ipfs/{root}/data.pgp")
    if reply.status != 200:
        return None
    sq.write("data.pgp", reply.body)
    with contextlib.suppress(FileNotFoundError):
        sq.remove("out")
    try:
        sq.run("decrypt", *how, "--output", "out", "data.pgp")
    except subprocess.CalledProcessError:
        return None
    return sq.read("out")


@pytest.mark.timeout(300)
async def test_only_what_came_before_the_new_session_key_opens(
    debian_chroot: Path, tmp_path: Path
) -> None:
    sq = Sq(debian_chroot)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(sq.close)
        api = await stack.enter_async_context(running_api(settings_in(tmp_path)))
        vaults = []
        for name in ("ana", "boris"):
            device = Device(tmp_path / name)
            email = f"{name}@example.org"
            await device.sign_up(api.url, email=email, name=name, password=PASSWORD)
            vaults.append(await stack.enter_async_context(device.open(PASSWORD)))
        ana, boris = vaults
        await meet(ana, boris)
        entry = await share(ana, await stored(ana, tmp_path, FIRST), boris)
        kept = (await boris.read(await received(boris))).session_key.octets.hex()
        sq.write("boris.key", secret_key_text(boris.session.key).encode())
        sq.write("ana.key", secret_key_text(ana.session.key).encode())
        by_key = ("--recipient-file", "boris.key")
        by_session_key = ("--session-key", kept)
        assert await opened(sq, api, entry.cid, *by_key) == FIRST
        assert await opened(sq, api, entry.cid, *by_session_key) == FIRST

        # Unshared: her key opens the new root no more; the old one, and the session key, do.
        unshared = await unshare(ana, entry, boris)
        assert await opened(sq, api, unshared.cid, *by_key) is None
        assert await opened(sq, api, entry.cid, *by_key) == FIRST
        assert await opened(sq, api, unshared.cid, *by_session_key) == FIRST

        # Whatever comes next has a new session key, also where the labels alone change.
        edited = await ana.edit(unshared, title="For me")
        updated = await ana.update(edited, file_in(tmp_path, "new.txt", SECOND))
        rekeyed = (await ana.rekeying.rekey(updated)).entry
        for newer, content in ((edited, FIRST), (updated, SECOND), (rekeyed, SECOND)):
            assert await opened(sq, api, newer.cid, *by_key) is None
            assert await opened(sq, api, newer.cid, *by_session_key) is None
            if newer is rekeyed:
                own = ("--recipient-file", "ana.key")
                assert await opened(sq, api, newer.cid, *own) == content

        # After the re-key this gateway gives the old ones out no more, once it has swept.
        await api.services.uploads.drop_account(ana.session.profile.account)
        await api.services.stores.blocks.sweep()
        assert await opened(sq, api, entry.cid, *by_session_key) is None
        assert await opened(sq, api, rekeyed.cid, "--recipient-file", "ana.key") == SECOND
