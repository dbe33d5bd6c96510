"""The SDK's surface, against a real server in the test's own loop."""

from __future__ import annotations

import contextlib
import doctest
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import hygieia.client
from hygieia.client import Device, Labels, Vault, keyrings, put
from hygieia.client.journal import Journal
from hygieia.client.transport import Answer, Transport
from hygieia.errors import (
    ContentChanged,
    CredentialsError,
    Duplicate,
    HygieiaError,
    NotFound,
    StorageFull,
    Unreachable,
    UsageError,
)
from hygieia.openpgp.times import format_time, now
from hygieia.vault.index import SetDeleted
from tests.factories.servers import Api
from tests.power_cut import PowerCut
from tests.unit.client.vaults import PASSWORD, file_in

NEW_PASSWORD = "nine loud gulls leave the harbour"


# -- the example -----------------------------------------------------------------------------------


async def test_the_example_in_the_docstring_does_what_it_says(api: Api, tmp_path: Path) -> None:
    examples = doctest.DocTestParser().get_examples(hygieia.client.__doc__ or "")
    names: dict[str, Any] = {}
    exec("".join(example.source for example in examples), names)  # noqa: S102  (ours)
    file_in(tmp_path, "blood.pdf", b"%PDF-1.7")
    said = await names["first_steps"](api.url, tmp_path, PASSWORD)
    assert said == "blood, signature valid, in blood.pdf"
    assert (tmp_path / "copies" / "blood.pdf").read_bytes() == b"%PDF-1.7"


async def test_the_guides_example_does_what_it_says(api: Api, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "sdk.md").read_text("utf-8")
    [program] = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    names: dict[str, Any] = {"__name__": "guide"}
    exec(program, names)  # noqa: S102  (ours)
    file_in(tmp_path, "blood.pdf", b"%PDF-1.7")
    await names["main"](api.url, tmp_path, PASSWORD)
    assert (tmp_path / "copies" / "blood.pdf").read_bytes() == b"%PDF-1.7"


def test_the_package_names_its_surface() -> None:
    assert set(hygieia.client.__all__) == {"Device", "Labels", "Vault"}
    for name in hygieia.client.__all__:
        assert getattr(hygieia.client, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = hygieia.client.nothing


# -- reports ---------------------------------------------------------------------------------------


async def test_put_list_read_get_update_edit_trash_restore(vault: Vault, tmp_path: Path) -> None:
    steps: list[tuple[int, int | None, str]] = []
    path = file_in(tmp_path, "a.txt", b"one")
    [stored] = await vault.put(
        [path], Labels(category="lab"), progress=lambda *step: steps.append(step)
    )
    assert steps[-1][:2] == (3, 3)
    assert list(vault.list(category="lab").reports) == [stored]
    assert vault.find(stored.id[:6]) == stored
    path.write_bytes(b"two")
    updated = await vault.update(stored, path)
    edited = await vault.edit(updated, title="A")
    assert (edited.revision, edited.title) == (3, "A")
    assert [v.report.meta.revision for v in await vault.versions(edited)] == [3, 2, 1]
    first = await vault.read(edited, revision=1)
    pieces: list[bytes] = []
    await vault.stream(first, lambda parts: pieces.extend(bytes(part) for part in parts))
    assert b"".join(pieces) == b"one"
    assert (await vault.get(await vault.read(edited), tmp_path / "copy")).read_bytes() == b"two"
    [gone] = await vault.trash([edited])
    assert gone.deleted is not None
    assert await vault.trash([gone]) == [gone]
    [back] = await vault.restore([gone])
    assert back.deleted is None


async def test_what_was_fetched_survives_a_power_cut(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [entry] = await vault.put([file_in(tmp_path, "one.txt", b"one")])
    report = await vault.read(entry)
    power = PowerCut(tmp_path, monkeypatch)
    path = await vault.get(report, tmp_path / "new" / "one.txt")
    trail = (await vault.activity.export(tmp_path / "trail" / "activity.jsonl"))[1]
    assert [power.takes(each) for each in (path, trail)] == [[], []]


async def test_a_changed_password_opens_the_vault_and_the_old_one_does_not(
    device: Device, vault: Vault
) -> None:
    session_key = vault.index.state.session_key.octets
    await vault.change_password(current=PASSWORD, new=NEW_PASSWORD)
    assert vault.index.state.session_key.octets != session_key
    async with device.open(NEW_PASSWORD) as again:
        assert again.index.state.root == vault.index.state.root
    with pytest.raises(CredentialsError):
        async with device.open(PASSWORD):
            pass


async def test_what_is_to_be_done_is_still_known_under_a_changed_password(vault: Vault) -> None:
    vault.delegates.to_do.add(permissions=["a key"], reports=["a report"])
    await vault.change_password(current=PASSWORD, new=NEW_PASSWORD)
    known = vault.delegates.to_do.read()
    assert (known["permissions"], known["reports"]) == (["a key"], ["a report"])


async def test_uploads_are_ended_with_their_change(api: Api, vault: Vault, tmp_path: Path) -> None:
    """An account may have 256 open: some hundred changes a day would be the last."""
    [stored] = await vault.put([file_in(tmp_path, "a.txt", b"one")])
    stored = await vault.update(stored, file_in(tmp_path, "b.txt", b"two"))
    await vault.edit(stored, title="x")
    page = await api.services.stores.documents.page(
        "uploads", vault.session.profile.account, limit=10
    )
    assert page.items == ()


async def test_what_left_the_servers_trash_after_its_days_leaves_the_list(
    device: Device, vault: Vault, tmp_path: Path
) -> None:
    [stored] = await vault.put([file_in(tmp_path, "a.txt", b"one")])
    await vault.trash([stored])
    long_ago = format_time(now() - timedelta(days=31))
    await vault.index.change([SetDeleted(stored.id, long_ago)])
    await vault.session.transport.call("DELETE", f"/reports/{stored.id}/purge")
    async with device.open(PASSWORD) as again:
        assert again.list(trash=True).reports == ()
        with pytest.raises(NotFound):
            again.find(stored.id)


# -- interruptions ---------------------------------------------------------------------------------


class Cut(HygieiaError):
    """The line is cut here."""


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Let the request of this number be sent and its answer be lost, and all after it fail."""
    real, seen = Transport._once, 0

    async def once(self: Transport, *arguments: Any, **named: Any) -> Answer:  # noqa: ANN401  (whatever JSON or arguments it is)
        nonlocal seen
        seen += 1
        if seen > number:
            raise Cut("cut")
        answer = await real(self, *arguments, **named)
        if seen == number:
            raise Cut("cut")
        return answer

    monkeypatch.setattr(Transport, "_once", once)
    return lambda: seen


async def test_a_put_cut_at_any_request_is_finished_by_the_next_and_stores_nothing_twice(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two groups of short files and a long one, the answer to each request lost in turn."""
    monkeypatch.setattr(put, "_GROUP_REPORTS", 2)
    folder = tmp_path / "in"
    folder.mkdir()
    number, finished = 0, False
    contents: dict[str, bytes] = {}
    while not finished:
        number += 1
        contents = {f"{n}.txt": f"{n} of {number}".encode() for n in range(3)}
        contents["long.bin"] = hashlib.shake_256(b"%d" % number).digest(5 << 20)
        for name, content in contents.items():
            file_in(folder, name, content)
        labels = Labels(category=f"cut-{number}")
        async with device.open(PASSWORD) as vault:
            with monkeypatch.context() as patch:
                cut_at(patch, number)
                try:
                    await vault.put([folder], labels)
                    finished = True
                except Cut:
                    pass
        async with device.open(PASSWORD) as vault:
            stored = await vault.put([folder], labels) if not finished else ()
            listed = vault.list(category=f"cut-{number}").reports
            assert sorted(e.file_name for e in listed) == sorted(contents)
            assert finished or {e.id for e in stored} == {e.id for e in listed}
    assert number > 8
    async with device.open(PASSWORD) as vault:
        [newest] = vault.list(category=f"cut-{number}", search="long").reports
        report = await vault.read(newest)
        assert report.meta.sha256 == hashlib.sha256(contents["long.bin"]).hexdigest()


async def test_a_long_file_that_changed_since_is_stored_afresh_under_a_new_key(
    device: Device, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_in(tmp_path, "long.bin", bytes(9 << 20))
    with monkeypatch.context() as patch:
        cut_at(patch, 2)
        with pytest.raises(Cut):
            await vault.put([path])
    journal_folder = device.store.uploads_folder
    [job] = [p.stem for p in journal_folder.glob("*.journal")]
    with Journal(journal_folder, job, vault.session.unlocked.state_key) as journal:
        [before] = journal.pending.values()
    changed = b"x" * (9 << 20)
    path.write_bytes(changed)
    [stored] = await vault.put([path])
    assert stored.id != before.report
    report = await vault.read(stored)
    assert report.meta.sha256 == hashlib.sha256(changed).hexdigest()
    assert [e.id for e in vault.list().reports] == [stored.id]


async def test_a_file_that_changes_while_it_is_stored_is_not_committed(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_in(tmp_path, "log.txt", b"one")
    real = Transport.call

    async def call(self: Transport, method: str, url: str, **named: Any) -> Answer:  # noqa: ANN401  (whatever JSON or arguments it is)
        if url == "/uploads":
            path.write_bytes(b"another")
        return await real(self, method, url, **named)

    monkeypatch.setattr(Transport, "call", call)
    with pytest.raises(ContentChanged):
        await vault.put([path])
    assert vault.list().reports == ()


async def test_an_upload_that_the_server_has_ended_is_begun_anew(
    device: Device, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_in(tmp_path, "long.bin", bytes(9 << 20))
    with monkeypatch.context() as patch:
        cut_at(patch, 2)
        with pytest.raises(Cut):
            await vault.put([path])
    [job] = [p.stem for p in device.store.uploads_folder.glob("*.journal")]
    key = vault.session.unlocked.state_key
    with Journal(device.store.uploads_folder, job, key) as journal:
        assert journal.upload is not None
        await vault.session.transport.call("DELETE", f"/uploads/{journal.upload}")
    [stored] = await vault.put([path])
    assert [e.id for e in vault.list().reports] == [stored.id]


async def test_a_full_server_says_so_and_the_put_is_finished_once_there_is_room(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_in(tmp_path, "long.bin", bytes(5 << 20))
    real = Transport.send

    async def full(self: Transport, method: str, url: str, *rest: Any, **named: Any) -> Answer:  # noqa: ANN401  (whatever JSON or arguments it is)
        if url.endswith("/blocks"):
            raise StorageFull("The server's disk is full.")
        return await real(self, method, url, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Transport, "send", full)
        with pytest.raises(StorageFull):
            await vault.put([path])
    assert len(await vault.put([path])) == 1


async def test_a_sign_up_whose_answer_was_lost_is_taken_up_again(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(tmp_path / "state")
    real = Transport.call

    async def lost(self: Transport, method: str, url: str, **named: Any) -> Answer:  # noqa: ANN401  (whatever JSON or arguments it is)
        answer = await real(self, method, url, **named)
        if url == "/accounts":
            raise Unreachable("The line is cut.")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Transport, "call", lost)
        with pytest.raises(Unreachable):
            await device.sign_up(api.url, email="ben@example.org", name="Ben", password=PASSWORD)
    kit, code = await device.sign_up(
        api.url, email="ben@example.org", name="Ben", password=PASSWORD
    )
    assert code
    async with device.open(PASSWORD) as vault:
        assert vault.session.profile.ipns_name == kit.ipns_name
        assert len(await vault.put([file_in(tmp_path, "a.txt", b"one")])) == 1


async def test_a_refused_sign_up_leaves_the_device_as_it_was(
    device: Device, api: Api, tmp_path: Path
) -> None:
    before = device.store.load()
    other = Device(tmp_path / "other")
    with pytest.raises(Duplicate):
        await other.sign_up(api.url, email="ana@example.org", name="Ana", password=PASSWORD)
    assert other.store.load() is None
    with pytest.raises(UsageError):
        await device.sign_up(api.url, email="eve@example.org", name="Eve", password=PASSWORD)
    assert device.store.load() == before


# -- the system's keyring --------------------------------------------------------------------------


async def test_what_the_keyring_keeps_follows_a_change_of_password(
    device: Device, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, str] = {}

    def keep(account: str, passphrase: str) -> bool:
        kept[account] = passphrase
        return True

    monkeypatch.setattr(keyrings, "keep", keep)
    monkeypatch.setattr(keyrings, "find", kept.get)
    session = vault.session
    session.remember(replace(session.profile, keyring=True))
    await vault.change_password(current=PASSWORD, new=NEW_PASSWORD)
    assert kept[session.profile.account] == session.unlocked.seal_passphrase
    with contextlib.suppress(CredentialsError):
        async with device.open("never asked for") as again:
            assert again.index.state.root == vault.index.state.root
            return
    raise AssertionError("the keyring's passphrase did not open the vault")
