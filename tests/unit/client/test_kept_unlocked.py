"""The account's key kept open in the system's keyring, until the account is left."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest

from hygieia.client import Device, Vault
from hygieia.client.account import delete_account, keep_unlocked, sign_out
from hygieia.errors import CredentialsError
from tests.unit.client.test_keyrings import Memory
from tests.unit.client.vaults import PASSWORD


@pytest.fixture
def memory() -> Iterator[Memory]:
    before, backend = keyring.get_keyring(), Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


async def test_a_key_kept_unlocked_opens_the_vault_until_sign_out(
    memory: Memory, device: Device, vault: Vault
) -> None:
    session = vault.session
    assert await keep_unlocked(session)
    assert list(memory.kept.values()) == [session.unlocked.seal_passphrase]
    async with device.open("never asked for") as again:
        assert again.index.state.root == vault.index.state.root
    await sign_out(session)
    assert not memory.kept
    profile = device.store.load()
    assert profile is not None
    assert not profile.keyring
    with pytest.raises(CredentialsError):
        await device.sign_in(profile.server, email=profile.email, password="never asked for")


async def test_a_deleted_account_leaves_no_key_behind(memory: Memory, vault: Vault) -> None:
    assert await keep_unlocked(vault.session)
    await delete_account(vault.session, confirm="ana@example.org", password=PASSWORD)
    assert not memory.kept
