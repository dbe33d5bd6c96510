"""Titles, file names and ids: what is accepted, what is cleaned, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygieia.errors import InvalidInput
from hygieia.vault import words


@pytest.mark.parametrize(
    ("stored", "saved"),
    [
        ("Befund 3.pdf", "Befund 3.pdf"),
        ("../../.bashrc", "_bashrc"),
        ("..\\..\\evil.exe", "evil.exe"),
        ("..", "file"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("console.txt", "console.txt"),
        ("a\x00b.pdf", "a_b.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("scan.pdf. . ", "scan.pdf"),
        ("what? 1:2.pdf", "what_ 1_2.pdf"),
        ("constructor", "constructor"),
        ("/", "file"),
        ("", "file"),
    ],
)
def test_a_stored_name_is_saved_under_a_harmless_one(stored: str, saved: str) -> None:
    assert words.safe_file_name(stored) == saved


def test_a_long_name_keeps_its_extension() -> None:
    saved = words.safe_file_name("ä" * 4000 + ".pdf")
    assert saved.endswith("ä.pdf")
    assert len(saved.encode()) <= 255


@given(st.text())
def test_no_name_leaves_its_folder(name: str) -> None:
    saved = words.safe_file_name(name)
    assert saved
    assert not saved.startswith((".", " "))
    assert not set(saved) & set('/\\\x00\n\u202e<>:"|?*')
    assert 0 < len(saved.encode()) <= 255
    assert words.check_file_name(saved) == saved


@given(st.text())
def test_a_cleaned_name_and_title_can_always_be_stored(name: str) -> None:
    words.check_file_name(words.clean_file_name(name))
    words.check_title(words.clean_title(name))
    words.check_title(words.title_from_file_name(name))


def test_a_name_that_is_no_utf8_is_cleaned() -> None:
    assert words.clean_file_name("caf\udce9.pdf") == "caf_.pdf"


@pytest.mark.parametrize("title", ["", "a\nb", "a\x9bb", "x" * 257, "\ud800"])
def test_an_impossible_title_is_refused(title: str) -> None:
    with pytest.raises(InvalidInput):
        words.check_title(title)


@pytest.mark.parametrize("name", ["", "a/b", "a\x00", "ä" * 128])
def test_an_impossible_file_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        words.check_file_name(name)


def test_markup_and_prototype_names_are_only_text() -> None:
    for text in ("<img src=x onerror=alert(1)>", "constructor", "__proto__", "Befund 12/2026"):
        assert words.check_title(text) == text


def test_a_title_comes_from_the_file_name_without_its_extension() -> None:
    assert words.title_from_file_name("Blutbild März.pdf") == "Blutbild März"
    assert words.title_from_file_name(".bashrc") == ".bashrc"


@pytest.mark.parametrize("slug", ["", "Lab", "a b", "ä", "x" * 41, "lab\n", "a_b"])
def test_an_impossible_slug_is_refused(slug: str) -> None:
    with pytest.raises(InvalidInput):
        words.check_slug(slug)


def test_the_built_in_lists_hold_slugs_once() -> None:
    for built_in in (words.CATEGORIES, words.PROFESSIONS):
        assert len(set(built_in)) == len(built_in)
        assert all(words.is_slug(slug) for slug in built_in)
    assert words.DEFAULT_CATEGORY in words.CATEGORIES


@pytest.mark.parametrize("media_type", ["", "pdf", "a/b/c", "Text/Plain", "text/" + "x" * 200])
def test_an_impossible_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(InvalidInput):
        words.check_media_type(media_type)


def test_new_ids_are_random_and_have_their_shape() -> None:
    first, second = words.make_id(), words.make_id()
    assert words.is_report_id(first)
    assert first != second
    assert words.is_subject(words.make_person_id())
    assert words.is_subject("a" * 64)
    assert not words.is_report_id(first + "\n")
    assert not words.is_key_id(first)


def test_the_way_to_a_file_is_cut_from_its_far_end_and_the_title_kept() -> None:
    assert words.title_from_path((), "scan.pdf") == "scan"
    assert words.title_from_path(("2024", "knee\n left"), "scan.pdf") == "2024/knee left/scan"
    deep = words.title_from_path(["x" * 120, "y" * 120, "z" * 120], "scan.pdf")
    assert deep == f"{'y' * 120}/{'z' * 120}/scan"
    assert words.title_from_path(["folder"], "n" * 252) == "n" * 252


@given(folders=st.lists(st.text(max_size=80), max_size=6), name=st.text(max_size=80))
def test_the_way_to_any_file_makes_a_title(folders: list[str], name: str) -> None:
    words.check_title(words.title_from_path(folders, name))
