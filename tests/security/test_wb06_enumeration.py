"""WB-06: registering, signing in, resetting and looking up tell nobody who has an account.

Answers are compared field by field and the work is counted, call by call; nothing is timed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hygieia.documents.port import DocumentStore
from hygieia.documents.sqlite import open_sqlite
from hygieia.domain.login_hashing import LoginHasher
from hygieia.domain.sign_in import Origin, Parameters
from hygieia.errors import HygieiaError
from hygieia.openpgp.parameters import DEFAULT_KDF, KdfParams
from tests.people import ADA, HOME, Clock, House, Person, login_secret, make_house

STRANGER = Person(email="nobody@example.org", account="f" * 32)


class CountingStore:
    """Passes every call on and counts it: the method, the collection."""

    def __init__(self, inner: DocumentStore) -> None:
        self.inner = inner
        self.calls: Counter[tuple[str, ...]] = Counter()

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
        wrapped = getattr(self.inner, method)

        def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  (whatever JSON or arguments it is)
            self.calls[method, *map(str, arguments[:1])] += 1
            return wrapped(*arguments, **named)

        return counted


@pytest.fixture
async def counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[House, CountingStore]]:
    clock = Clock()
    store = CountingStore(open_sqlite(tmp_path / "documents.db", clock=clock))
    verify = LoginHasher.verify

    async def counted_verify(hasher: LoginHasher, kept: str | None, secret: str) -> bool:
        store.calls["argon2",] += 1
        return await verify(hasher, kept, secret)

    monkeypatch.setattr(LoginHasher, "verify", counted_verify)
    house = make_house(store, clock)
    await house.sign_up()
    yield house, store
    house.identity.close()
    await store.close()


async def steps_of(store: CountingStore, call: Any) -> tuple[str, Counter[tuple[str, ...]]]:  # noqa: ANN401  (whatever JSON or arguments it is)
    """How the call ended, word for word, and every step it took."""
    store.calls.clear()
    try:
        result = repr(await call)
    except HygieiaError as error:
        result = f"{type(error).__name__} {error} {error.hint} {vars(error)}"
    return result, store.calls.copy()


@pytest.mark.parametrize("device", [None, "A" * 43, "nonsense"])
async def test_a_wrong_password_and_an_unknown_email_take_the_same_steps(
    counted: tuple[House, CountingStore], device: str | None
) -> None:
    house, store = counted
    for attempt in range(4):
        origin = Origin(address="198.51.100.7", device=device)
        wrong = await steps_of(store, house.sign_in(ADA, "wrong", origin))
        origin = Origin(address="198.51.100.8", device=device)
        unknown = await steps_of(store, house.sign_in(STRANGER, "wrong", origin))
        assert wrong == unknown, attempt
        if attempt < 3:
            assert wrong[1]["argon2",] == 1


async def test_a_device_of_someone_else_changes_nothing(
    counted: tuple[House, CountingStore],
) -> None:
    house, store = counted
    bob = await house.sign_up(Person(email="bob@example.org", account="b" * 32))
    origin = Origin(address="198.51.100.7", device=bob.device)
    wrong = await steps_of(store, house.sign_in(ADA, "wrong", origin))
    unknown = await steps_of(
        store, house.sign_in(STRANGER, "wrong", replace(origin, address="198.51.100.8"))
    )
    assert wrong == unknown


async def test_asking_for_parameters_takes_the_same_steps(
    counted: tuple[House, CountingStore],
) -> None:
    house, store = counted
    for person in (ADA, STRANGER):
        await house.identity.sign_in.parameters(person.email, HOME)
    _, known = await steps_of(store, house.identity.sign_in.parameters(ADA.email, HOME))
    _, unknown = await steps_of(store, house.identity.sign_in.parameters(STRANGER.email, HOME))
    assert known == unknown


async def test_a_reset_takes_the_same_steps_up_to_the_proof(
    counted: tuple[House, CountingStore],
) -> None:
    house, store = counted
    reset = house.identity.reset
    endings = []
    for person in (replace(ADA, which_key="second"), STRANGER):
        _, asked = await steps_of(store, reset.start(person.email, HOME))
        started = await reset.start(person.email, HOME)
        seal = person.seal("new")
        proof = replace(person, account=started.account).reset_proof(started.nonce, seal)
        ended = await steps_of(store, reset.finish(person.email, proof, seal, HOME))
        endings.append((asked, ended))
        assert len(started.nonce) == 54
    assert endings[0] == endings[1]


async def test_a_made_up_account_is_always_the_same_and_looks_like_a_real_one(
    counted: tuple[House, CountingStore],
) -> None:
    house, _ = counted
    sign_in = house.identity.sign_in
    made_up = await sign_in.parameters(STRANGER.email, HOME)
    assert made_up == await sign_in.parameters(f" {STRANGER.email.upper()} ", HOME)
    assert made_up.account == (await house.identity.reset.start(STRANGER.email, HOME)).account
    real = await sign_in.parameters(ADA.email, HOME)
    assert real.account == ADA.account
    assert len(made_up.account) == len(real.account) == 32
    assert int(made_up.account, 16) >= 0
    other = await sign_in.parameters("somebody-else@example.org", HOME)
    assert other.account != made_up.account


async def test_made_up_accounts_differ_between_servers(tmp_path: Path) -> None:
    clock = Clock()
    documents = open_sqlite(tmp_path / "documents.db", clock=clock)
    one, two = make_house(documents, clock), make_house(documents, clock, secret=b"\x08" * 32)
    first = await one.identity.sign_in.parameters(STRANGER.email, HOME)
    second = await two.identity.sign_in.parameters(STRANGER.email, HOME)
    assert first.account != second.account
    for house in (one, two):
        house.identity.close()
    await documents.close()


async def neighbours(house: House) -> KdfParams:
    """Forty accounts, every other one of an older cost; which that is."""
    heavier = KdfParams(131072, 3, 1)
    account = await house.identity.accounts.get(ADA.account)
    for number in range(40):
        kdf = heavier if number % 2 else DEFAULT_KDF
        like_ada = replace(account, id=f"{number * 6:02x}" * 16, email=f"p{number}@example.org")
        await house.documents.insert(
            "accounts", like_ada.id, replace(like_ada, kdf=kdf).body(), unique=like_ada.email
        )
    return heavier


async def answers_to_strangers(house: House) -> list[Parameters]:
    sign_in = house.identity.sign_in
    return [await sign_in.parameters(f"x{n}@example.org", HOME) for n in range(60)]


async def test_made_up_parameters_are_as_varied_as_real_ones(
    counted: tuple[House, CountingStore],
) -> None:
    """After a change of defaults, an old cost does not give an account away."""
    house, _ = counted
    heavier = await neighbours(house)
    met = Counter(answer.kdf for answer in await answers_to_strangers(house))
    assert set(met) == {DEFAULT_KDF, heavier}
    assert min(met.values()) > 10


async def test_one_account_that_goes_changes_few_strangers_answers(
    counted: tuple[House, CountingStore],
) -> None:
    house, _ = counted
    await neighbours(house)
    before = await answers_to_strangers(house)
    assert await answers_to_strangers(house) == before
    await house.documents.delete("accounts", f"{20 * 6:02x}" * 16)
    after = await answers_to_strangers(house)
    assert [answer.account for answer in after] == [answer.account for answer in before]
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    assert changed <= 6, "each of forty accounts is the next one to some sixty fortieths of them"


async def test_a_house_without_any_account_answers_too(tmp_path: Path) -> None:
    clock = Clock()
    documents = open_sqlite(tmp_path / "documents.db", clock=clock)
    house = make_house(documents, clock)
    assert (await house.identity.sign_in.parameters(ADA.email, HOME)).kdf == DEFAULT_KDF
    with pytest.raises(HygieiaError):
        await house.identity.sign_in.start(ADA.email, login_secret("x"), HOME)
    house.identity.close()
    await documents.close()


async def test_an_account_that_is_being_deleted_or_was_reset_is_like_none(
    counted: tuple[House, CountingStore],
) -> None:
    house, store = counted

    async def nothing(account_id: str) -> None:
        return

    await house.identity.accounts.vacate(ADA.email, nothing)
    vacant = await steps_of(store, house.sign_in(ADA, "any", Origin("198.51.100.7")))
    unknown = await steps_of(store, house.sign_in(STRANGER, "any", Origin("198.51.100.8")))
    assert vacant == unknown
    assert (await house.identity.sign_in.parameters(ADA.email, HOME)).account != ADA.account
