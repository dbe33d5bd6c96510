"""``kit``, ``kit test``, ``recover``, ``reset-password``: when password or server are gone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import segno

from tests.cli.shell import OTHER_PASSWORD, by, newcomer, sign_up, store
from tests.running import Person, RunningServer


def code_on(page: Path) -> str:
    found = re.search(r'data-code="([^"]+)"', page.read_text("utf-8"))
    assert found is not None
    return found[1]


@pytest.fixture
def code_file(ana: Person, tmp_path: Path) -> str:
    file = tmp_path / "code"
    file.write_text(code_on(ana.home.parent / "kit" / "hygieia-code.html").lower() + "\n")
    return str(file)


@pytest.fixture(scope="module")
def kit(ana: Person) -> str:
    """Ana's kit; she stores two files."""
    store(ana, **{"blood.txt": b"13.9", "letter.txt": b"Dear colleague"})
    return str(ana.home.parent / "kit" / "hygieia-kit.json")


def test_the_code_is_on_the_page_with_qr_codes_and_never_in_the_file(ana: Person, kit: str) -> None:
    page = (Path(kit).parent / "hygieia-code.html").read_text("utf-8")
    code = code_on(Path(kit).parent / "hygieia-code.html")
    assert "http-equiv" in page
    assert "<script" not in page
    held = Path(kit).read_text("utf-8")
    assert code not in held
    assert code.replace("-", "") not in held
    document = json.loads(held)
    assert document["seal_mac"] not in page
    for path in Path(kit).parent.iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_what_the_qr_codes_hold_is_the_code_and_where_the_vault_is(ana: Person, kit: str) -> None:
    page = Path(kit).parent / "hygieia-code.html"
    document = json.loads(Path(kit).read_text("utf-8"))
    figures = re.findall(
        r"<figure>(<svg.*?</svg>)\s*<figcaption>(.*?)</figcaption></figure>",
        page.read_text("utf-8"),
        re.DOTALL,
    )
    assert {caption: modules_of(svg) for svg, caption in figures} == {
        "The recovery code": modules_for(code_on(page)),
        "Where the vault is": modules_for(f"{document['server']}\n{document['ipns_name']}"),
    }


def modules_for(text: str) -> list[str]:
    """The rows of a QR code of ``text`` and of the quiet zone around it."""
    code = segno.make_qr(text, error="q")
    return ["".join(" #"[bool(dark)] for dark in row) for row in code.matrix_iter(border=4)]


def modules_of(svg: str) -> list[str]:
    """The same, read off a picture: dark strokes, a module high, on a light square."""
    [side] = re.findall(r'<path fill="#fff" d="M0 0h(\d+)v\1h-\1z"/>', svg)
    [strokes] = re.findall(r'<path class="qrline" stroke="#000" d="([^"]+)"/>', svg)
    assert re.fullmatch(r"(?:[Mm]-?[\d.]+ -?[\d.]+|h\d+)+", strokes)
    rows = [[" "] * int(side) for _ in range(int(side))]
    x = y = 0.0
    for step, across, down in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", strokes):
        if step == "h":
            rows[int(y)][int(x) : int(x) + int(across)] = "#" * int(across)
            x += int(across)
        else:
            start = (0.0, 0.0) if step == "M" else (x, y)
            x, y = start[0] + float(across), start[1] + float(down)
    return ["".join(row) for row in rows]


def test_a_kit_that_is_there_is_never_written_over(ana: Person, kit: str) -> None:
    folder = Path(kit).parent
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for arguments in (["kit", "--out", str(folder)], ["kit", "--file-only", "--out", str(folder)]):
        done = by(ana, "--json", *arguments)
        assert (done.code, done.error["code"]) == (2, "usage")
    again = by(ana, "signup", "another@example.org", "--kit", str(folder), "--profile", "two")
    assert again.code == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_kit_test_proves_that_password_or_code_open_it(
    ana: Person, kit: str, server: RunningServer, code_file: str
) -> None:
    gateway = ("--gateway", server.address)
    by_password = by(ana, "kit", "test", kit, *gateway, "--json").json
    by_code = by(ana, "kit", "test", kit, *gateway, "--code-file", code_file, "--json").json
    assert by_password == by_code
    assert by_password["opens"] is True
    assert by_password["reports"] == 2


def test_a_tampered_kit_and_a_wrong_secret_open_nothing(
    ana: Person, kit: str, server: RunningServer, tmp_path: Path
) -> None:
    gateway = ("--gateway", server.address)
    document = json.loads(Path(kit).read_text("utf-8"))
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(document | {"kdf": {"m": 8, "t": 1, "p": 1}}))
    done = by(ana, "--json", "kit", "test", str(changed), *gateway)
    assert done.code == 6
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password")
    refused = by(ana, "--json", "kit", "test", kit, *gateway, HYGIEIA_PASSWORD_FILE=str(wrong))
    assert refused.code in (3, 6)
    assert refused.error["message"]


def test_recover_lists_and_restores_everything_and_goes_on_when_run_again(
    ana: Person, kit: str, server: RunningServer, tmp_path: Path, code_file: str
) -> None:
    stranger = newcomer("http://127.0.0.1:1", tmp_path / "stranger")
    common = ("recover", kit, "--gateway", server.address, "--code-file", code_file, "--json")
    listed = by(stranger, *common, "--list").json
    assert {r["file_name"] for r in listed["reports"]} == {"blood.txt", "letter.txt"}
    assert listed["missing"] == []
    out = tmp_path / "out"
    for _ in range(2):
        document = by(stranger, *common, "--out", str(out)).json
        assert {Path(r["path"]).name for r in document["reports"]} == {"blood.txt", "letter.txt"}
        assert all(r["signature"] == "valid" for r in document["reports"])
        assert sorted(p.name for p in out.iterdir()) == ["blood.txt", "letter.txt"]
    assert (out / "blood.txt").read_bytes() == b"13.9"
    assert not stranger.home.exists()


def test_recover_says_what_is_missing_in_its_one_document(
    ana: Person, kit: str, server: RunningServer, tmp_path: Path
) -> None:
    assert by(ana, "recover", kit, "--out", str(tmp_path / "o")).code == 2
    assert by(ana, "recover", kit, "--gateway", server.address).code == 2
    done = by(
        ana,
        "recover",
        kit,
        "--gateway",
        "http://127.0.0.1:1",
        "--out",
        str(tmp_path / "o"),
        "--json",
    )
    assert done.code == 7
    assert done.error["code"] == "unreachable"
    assert not list(tmp_path.glob("o/*"))


def test_the_file_is_written_afresh_under_the_code_she_has(
    ana: Person, kit: str, server: RunningServer, tmp_path: Path, code_file: str
) -> None:
    done = by(ana, "kit", "--file-only", "--out", str(tmp_path / "fresh"), "--json")
    assert done.json["page"] is None
    fresh = done.json["kit"]
    assert (
        json.loads(Path(fresh).read_text())["sequence"]
        > json.loads(Path(kit).read_text())["sequence"]
    )
    opened = by(ana, "kit", "test", fresh, "--gateway", server.address, "--code-file", code_file)
    assert opened.code == 0, opened.err


def test_a_new_kit_has_a_new_code_and_a_forgotten_password_is_reset_with_it(
    server: RunningServer, tmp_path: Path
) -> None:
    person = sign_up(server.address, tmp_path / "pia", "pia@example.org")
    store(person, **{"kept.txt": b"kept"})
    made = by(person, "kit", "--out", str(tmp_path / "new"), "--json").json
    codes = [code_on(tmp_path / "pia" / "kit" / "hygieia-code.html"), code_on(Path(made["page"]))]
    assert codes[0] != codes[1]
    new = tmp_path / "new-password"
    new.write_text(OTHER_PASSWORD)
    old_code, code = tmp_path / "old-code", tmp_path / "code"
    old_code.write_text(codes[0])
    code.write_text(codes[1])
    elsewhere = newcomer(server.address, tmp_path / "elsewhere")
    reset = ("reset-password", made["kit"], "--new-password-file", str(new), "--code-file")
    assert by(elsewhere, *reset, str(old_code)).code in (3, 6)
    done = by(elsewhere, "--json", *reset, str(code), HYGIEIA_PASSWORD_FILE=None)
    assert done.code == 0, done.out
    assert done.json == {"email": "pia@example.org", "changed": True}
    listed = by(elsewhere, "ls", "--json", HYGIEIA_PASSWORD_FILE=str(new)).json["reports"]
    assert [r["file_name"] for r in listed] == ["kept.txt"]
    assert by(person, "ls").code == 3
    assert by(person, "login", "pia@example.org").code == 3
    shutil.rmtree(person.home)
    assert by(person, "login", "pia@example.org", HYGIEIA_PASSWORD_FILE=str(new)).code == 0
