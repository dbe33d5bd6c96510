"""What a client remembers between calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hygieia.client.state import IndexFloor, Profile, ProfileStore, StateKey
from hygieia.errors import CredentialsError, Failed, UsageError


def profile() -> Profile:
    return Profile(
        server="http://localhost:8460",
        email="ana@example.org",
        name="Ana",
        account="a" * 32,
        kdf={"m": 65536, "t": 3, "p": 1},
        certificate="c",
        seal_certificate="c",
        sealed_key="k",
        seal_mac="m",
        key_id="1" * 64,
        fingerprint="2" * 40,
        ipns_name="k51",
    )


def test_a_profile_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path, "default")
    assert store.load() is None
    store.save(profile())
    assert store.load() == profile()


def test_only_the_owner_can_look_into_the_folder(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "home", "default")
    store.save(profile())
    for path in [tmp_path / "home", store.folder, store.folder / "profile.json"]:
        assert path.stat().st_mode & 0o077 == 0


def test_the_highest_index_seen_never_goes_down(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path, "default")
    store.save(profile())
    store.raise_floor(IndexFloor(7, "bafy7"))
    store.raise_floor(IndexFloor(5, "bafy5"))
    loaded = store.load()
    assert loaded is not None
    assert loaded.index_floor == IndexFloor(7, "bafy7")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 2}'])
def test_a_damaged_profile_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    store = ProfileStore(tmp_path, "default")
    store.save(profile())
    file = store.folder / "profile.json"
    file.write_text(text)
    with pytest.raises(Failed):
        store.load()
    assert file.read_text() == text


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a\0", "x" * 65, "-x"])
def test_a_profile_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        ProfileStore(tmp_path, name)


def test_a_sealed_document_opens_under_its_own_password_and_purpose_only() -> None:
    sealed = StateKey("a" * 64).seal("session", {"token": "t0ken"})
    assert StateKey("a" * 64).open("session", sealed) == {"token": "t0ken"}
    assert "t0ken" not in sealed
    for key, context in ((StateKey("b" * 64), "session"), (StateKey("a" * 64), "other")):
        with pytest.raises(CredentialsError):
            key.open(context, sealed)


@pytest.mark.parametrize("sealed", ["", "!", "AAAA", "A" * 64])
def test_garbage_is_refused_as_a_wrong_password_is(sealed: str) -> None:
    with pytest.raises(CredentialsError):
        StateKey("a" * 64).open("session", sealed)


def test_a_full_disk_leaves_the_old_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ProfileStore(tmp_path, "default")
    store.save(profile())
    before = (store.folder / "profile.json").read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hygieia.client.state.os.fsync", full)
    with pytest.raises(Failed, match="No space left"):
        store.save(profile())
    assert (store.folder / "profile.json").read_bytes() == before
    assert sorted(p.name for p in store.folder.iterdir()) == ["profile.json"]
    assert json.loads(before)["format"] == 1
