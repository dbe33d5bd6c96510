"""LT-02: whoever has a dump of the database, and nothing else, cannot sign in with it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.identity import IdentityPolicy
from hygieia.domain.sign_in import Origin
from hygieia.errors import CredentialsError, Forbidden, HygieiaError, NotSignedIn
from tests.people import ADA, BOB, HOME, ORIGIN, Clock, House, login_secret, make_house


@dataclass
class Robbed:
    """A house with much going on in it, the secrets of that, and its database's every byte."""

    house: House
    tokens: list[str]
    invitation: str
    reclaim_code: str
    nonce: str
    dump: str


@pytest.fixture
async def robbed(tmp_path: Path) -> AsyncIterator[Robbed]:
    clock = Clock()
    path = tmp_path / "documents.db"
    documents = open_sqlite(path, clock=clock)
    house = make_house(documents, clock, IdentityPolicy((ORIGIN,), "open"))
    ada, bob = await house.sign_up(), await house.sign_up(BOB)
    with pytest.raises(CredentialsError):
        await house.sign_in(ADA, "a guess", Origin("198.51.100.7"))
    with pytest.raises(CredentialsError):
        await house.identity.sign_in.start("stranger@example.org", "0" * 64, HOME)
    invitation = await house.identity.invitations.make()
    reclaim_code = await house.identity.accounts.vacate(BOB.email, _nothing)
    nonce = (await house.identity.reset.start(ADA.email, HOME)).nonce
    proof = ADA.reset_proof(nonce, ADA.seal())
    after = await house.identity.reset.finish(ADA.email, proof, ADA.seal(), HOME)
    tokens = [ada.token, ada.device, bob.token, bob.device, after.token, after.device]
    files = [path, path.with_name(path.name + "-wal")]
    dump = b"".join(file.read_bytes() for file in files).decode("latin-1")
    yield Robbed(house, tokens, invitation, reclaim_code, nonce, dump)
    house.identity.close()
    await documents.close()


async def _nothing(account_id: str) -> None:
    return


async def test_no_secret_of_any_kind_is_in_the_dump(robbed: Robbed) -> None:
    assert ADA.email in robbed.dump
    secrets = [
        *robbed.tokens,
        robbed.invitation,
        robbed.reclaim_code,
        robbed.nonce,
        login_secret(ADA.password),
        login_secret(BOB.password),
        robbed.house.secrets.master.hex(),
        robbed.house.secrets.master.decode("latin-1"),
    ]
    assert [secret for secret in secrets if secret in robbed.dump] == []


async def test_who_tried_to_sign_in_is_not_in_the_dump(robbed: Robbed) -> None:
    assert "stranger@example.org" not in robbed.dump
    assert "198.51.100.7" not in robbed.dump


async def test_no_word_of_the_dump_signs_in(robbed: Robbed) -> None:
    words = set(re.findall(r"[A-Za-z0-9_$,=+/-]{20,}", robbed.dump))
    hex_words = set(re.findall("[0-9a-f]{64}", robbed.dump))
    assert len(hex_words) > 5
    tokens = {word[start : start + 43] for word in words for start in (0, len(word) - 43)}
    for token in tokens | words:
        with pytest.raises(NotSignedIn):
            await robbed.house.identity.sessions.authenticate(token)
    for word in hex_words:
        robbed.house.clock.forward(minutes=16)
        with pytest.raises(CredentialsError):
            await robbed.house.identity.sign_in.start(ADA.email, word, HOME)


async def test_no_word_of_the_dump_is_an_invitation(robbed: Robbed) -> None:
    closed = make_house(
        robbed.house.documents, robbed.house.clock, IdentityPolicy((ORIGIN,), "invite")
    )
    words = set(re.findall(r"[0-9a-f]{64}", robbed.dump))
    for word in sorted(words):
        robbed.house.clock.forward(minutes=16)
        for code in (word, f"i-{word}", f"r-{BOB.account}-{word}"):
            with pytest.raises(Forbidden):
                await closed.identity.registration.sign_up(BOB.new_account(invite=code), HOME)
    closed.identity.close()


async def test_without_the_servers_secret_no_nonce_can_be_made(robbed: Robbed) -> None:
    thief = make_house(robbed.house.documents, robbed.house.clock, secret=b"\x00" * 32)
    nonce = (await thief.identity.reset.start(ADA.email, HOME)).nonce
    with pytest.raises(HygieiaError):
        await robbed.house.identity.reset.finish(
            ADA.email, ADA.reset_proof(nonce, ADA.seal("new")), ADA.seal("new"), HOME
        )
    thief.identity.close()


async def test_the_login_secret_is_kept_as_an_argon2_hash_only(robbed: Robbed) -> None:
    account = await robbed.house.identity.accounts.get(ADA.account)
    assert account.login_hash is not None
    assert account.login_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
