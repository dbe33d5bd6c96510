"""Vectors for JSON, words, password stretching and recovery codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hygieia.openpgp import kdf
from tests.vectors.writing import Vector

REFUSED = {"refused": "invalid-input"}
ACCOUNT = "00112233445566778899aabbccddeeff"


def json_texts() -> Iterator[Vector]:
    """Octets of a document of at most 1,000 octets that should be one object."""
    fine = {
        "empty": b"{}",
        "every-kind": '{"a":[1,true,false,null,"ü\U0001f600"],"b":{"c":"\\u00e9\\ud83d\\ude00"}}'.encode(),
        "largest-integer": b'{"n":9007199254740991}',
        "white-space": b' {"a" :\t1}\r\n',
        "sixteen-levels": b'{"a":' + b"[" * 15 + b"1" + b"]" * 15 + b"}",
        "escaped-backslash-before-u0000": b'{"a":"\\\\u0000"}',
        "names-of-prototypes": b'{"__proto__":1,"constructor":{"prototype":2}}',
    }
    bad = {
        "duplicate-key": b'{"a":1,"a":1}',
        "duplicate-key-by-escape": b'{"a":1,"\\u0061":2}',
        "duplicate-key-inside": b'{"b":[{"a":1,"a":2}]}',
        "float": b'{"n":1.0}',
        "exponent": b'{"n":1e3}',
        "negative": b'{"n":-1}',
        "negative-zero": b'{"n":-0}',
        "integer-too-large": b'{"n":9007199254740992}',
        "integer-of-forty-digits": b'{"n":' + b"9" * 40 + b"}",
        "not-a-number": b'{"n":NaN}',
        "infinity": b'{"n":Infinity}',
        "lone-surrogate": b'{"a":"\\ud800"}',
        "lone-surrogate-in-key": b'{"\\udfff":1}',
        "surrogates-exchanged": b'{"a":"\\ude00\\ud83d"}',
        "escaped-nul": b'{"a":"\\u0000"}',
        "raw-nul": b'{"a":"\x00"}',
        "raw-control": b'{"a":"\x1f"}',
        "byte-order-mark": b"\xef\xbb\xbf{}",
        "not-utf-8": b'{"a":"\xff"}',
        "surrogate-in-utf-8": b'{"a":"\xed\xa0\x80"}',
        "seventeen-levels": b'{"a":' + b"[" * 16 + b"1" + b"]" * 16 + b"}",
        "two-documents": b"{}{}",
        "trailing-comma": b'{"a":1,}',
        "comment": b'{"a":1}//',
        "single-quotes": b"{'a':1}",
        "cut-short": b'{"a":',
        "nothing": b"",
        "a-list": b"[]",
        "a-string": b'"a"',
        "over-size": b'{"a":"' + b"x" * 1000 + b'"}',
    }
    for name, octets in fine.items():
        yield f"ok-{name}", _octets(name, octets, {})
    for name, octets in bad.items():
        yield name, _octets(name, octets, REFUSED)


def _octets(name: str, octets: bytes, expect: dict[str, Any]) -> dict[str, Any]:
    what = f"JSON: {name.replace('-', ' ')}"
    return {"what": what, "kind": "json", "max_bytes": 1000, "data": octets.hex(), "expect": expect}


def words() -> Iterator[Vector]:
    """Emails, passwords and times."""
    emails = {
        "plain": ("ana@example.org", "ana@example.org"),
        "raised-and-spaced": (" Ana.Probe@Example.ORG\n", "ana.probe@example.org"),
        "plus-and-a-label": ("a+b@xn--bcher-kva.example", "a+b@xn--bcher-kva.example"),
        "kelvin-sign": ("\u212aarl@example.org", None),
        "two-ats": ("a@b@example.org", None),
        "no-at": ("example.org", None),
        "two-dots": ("a..b@example.org", None),
        "dot-first": (".a@example.org", None),
        "hyphen-ends-label": ("a@b-.org", None),
        "empty-label": ("a@b..org", None),
        "letters-beyond-ascii": ("jürgen@example.org", None),
        "domain-beyond-ascii": ("a@bücher.example", None),
        "quoted": ('"a b"@example.org', None),
        "angle-bracket": ("a<b@example.org", None),
        "line-feed-inside": ("a@example.org\nb", None),
        "nul": ("a\x00@example.org", None),
        "local-part-of-65": ("a" * 65 + "@example.org", None),
        "longest": ("a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 61, "same"),
        "over-254": ("a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 62, None),
        "label-of-64": ("a@" + "b" * 64 + ".org", None),
    }
    passwords = {
        "plain": ("correct horse", "correct horse"),
        "spaces-kept": ("  x  ", "  x  "),
        "composed": ("e\u0301", "\u00e9"),
        "compatibility": ("\ufb01\u2460\uff21", "fi1A"),
        "hangul-jamo": ("\u1112\u1161\u11ab", "\ud55c"),
        "emoji": ("\U0001fae0", "\U0001fae0"),
        "127-octets": ("x" * 127, "x" * 127),
        "128-octets": ("x" * 128, None),
        "grows-over-127": ("\ufdfa" * 4, None),
        "empty": ("", None),
        "line-feed": ("a\nb", None),
        "tab": ("a\tb", None),
        "c1-control": ("a\x85", None),
        "nul": ("a\x00", None),
        "lone-surrogate": ("a\ud800", None),
        "assigned-in-unicode-15": ("a\U0001fae8", None),
        "never-assigned": ("a\uffff", None),
    }
    times = {
        "plain": ("2026-11-21T10:00:00Z", 1795255200),
        "leap-day": ("2028-02-29T23:59:59Z", 1835481599),
        "no-such-day": ("2026-02-29T00:00:00Z", None),
        "leap-second": ("2026-06-30T23:59:60Z", None),
        "offset": ("2026-11-21T10:00:00+00:00", None),
        "fraction": ("2026-11-21T10:00:00.0Z", None),
        "space": ("2026-11-21 10:00:00Z", None),
        "other-digits": ("\uff12026-11-21T10:00:00Z", None),
        "line-feed-after": ("2026-11-21T10:00:00Z\n", None),
    }
    for kind, cases in (("email", emails), ("password", passwords), ("time", times)):
        for name, (text, result) in cases.items():
            refused = result is None
            expect = REFUSED if refused else {"value": text if result == "same" else result}
            what = f"{kind}: {name.replace('-', ' ')}"
            vector = {"what": what, "kind": kind, "text": text, "expect": expect}
            yield f"{kind}-{'' if refused else 'ok-'}{name}", vector


def stretchings() -> Iterator[Vector]:
    """Accepted and refused parameters, and stretched passwords."""
    bounds = {
        "ok-default": (65536, 3, 1),
        "ok-heaviest": (1048576, 10, 4),
        "weak": (8, 1, 1),
        "weak-memory": (65535, 3, 1),
        "weak-time": (65536, 2, 1),
        "no-lanes": (65536, 3, 0),
        "heavy-memory": (1048577, 3, 1),
        "bomb": (4194304, 1000, 1),
        "heavy-time": (65536, 11, 1),
        "many-lanes": (65536, 3, 5),
        "negative": (-65536, 3, 1),
        "not-an-integer": ("65536", 3, 1),
        "a-float": (65536.5, 3, 1),
        "true-for-one": (65536, 3, True),
    }
    for name, (m, t, p) in bounds.items():
        expect: dict[str, Any] = {} if name.startswith("ok-") else {"refused": "kdf-refused"}
        what = f"parameters: {name.removeprefix('ok-').replace('-', ' ')}"
        yield (
            name,
            {"what": what, "kind": "kdf-params", "kdf": {"m": m, "t": t, "p": p}, "expect": expect},
        )
    passwords = {
        "plain": ("correct horse battery staple", "ana@example.org", 65536, 3, 1),
        "normalised": ("Pa\u0308sswort \ufb01", "ana@example.org", 65536, 3, 1),
        "longest": ("ö" * 63 + "x", "ana@example.org", 65536, 3, 1),
        "other-email": ("correct horse battery staple", "boris@example.org", 65536, 3, 1),
        "other-cost": ("correct horse battery staple", "ana@example.org", 131072, 4, 4),
    }
    for name, (password, email, m, t, p) in passwords.items():
        params = kdf.KdfParams(m, t, p)
        stretched = kdf.stretch(password, email, ACCOUNT, params)
        yield (
            f"ok-stretch-{name}",
            {
                "what": f"stretching: {name.replace('-', ' ')}",
                "kind": "stretch",
                "password": password,
                "email": email,
                "account": ACCOUNT,
                "kdf": {"m": m, "t": t, "p": p},
                "expect": {
                    "salt": kdf.salt_for(email, ACCOUNT),
                    "seal_passphrase": stretched.seal_passphrase,
                    "login_secret": stretched.login_secret,
                },
            },
        )


def recovery_codes() -> Iterator[Vector]:
    """Typed codes: the printed form, or the group that is wrong."""
    printed = "0001-1235-ZZZX-ABCZ-7K91-QRS3-XYZ1-M0N2"
    printed = _with_checks(printed)
    groups = printed.split("-")
    exchanged = "-".join([groups[1], groups[0], *groups[2:]])
    typed: dict[str, tuple[str, int | None]] = {
        "ok-printed": (printed, None),
        "ok-lower-case": (printed.lower(), None),
        "ok-no-dashes": (printed.replace("-", ""), None),
        "ok-spaces": (printed.replace("-", "  "), None),
        "ok-letters-o-i-l": (
            printed.replace("0", "O").replace("1", "l", 1).replace("1", "i"),
            None,
        ),
        "typo-in-group-3": (_with_typo(printed, 3), 3),
        "typo-in-group-8": (_with_typo(printed, 8), 8),
        "groups-exchanged": (exchanged, 1),
        "letter-u": (printed[:5] + "U" + printed[6:], 2),
        "too-short": (printed[:-5], None),
        "cut-in-a-group": (printed[:-1], 8),
        "too-long": (printed + "-0000", None),
        "empty": ("", None),
    }
    for name, (text, group) in typed.items():
        expect: dict[str, Any] = {"value": printed} if name.startswith("ok-") else dict(REFUSED)
        if group is not None:
            expect["group"] = group
        what = f"recovery code: {name.removeprefix('ok-').replace('-', ' ')}"
        yield name, {"what": what, "kind": "recovery-code", "text": text, "expect": expect}


def _with_checks(printed: str) -> str:
    """The groups' first three symbols with the right fourth ones, found by trying all 32."""
    from hygieia.errors import InvalidInput
    from hygieia.openpgp.recovery_code import ALPHABET, parse_code

    def fits(code: str, group: int) -> bool:
        try:
            parse_code(code)
        except InvalidInput as error:
            return not str(error).startswith(f"Group {group} ")
        return True

    groups = printed.split("-")
    for place, group in enumerate(groups):
        for symbol in ALPHABET:
            groups[place] = group[:3] + symbol
            if fits("-".join(groups), place + 1):
                break
    return "-".join(groups)


def _with_typo(printed: str, number: int) -> str:
    groups = printed.split("-")
    first = "A" if groups[number - 1][0] != "A" else "B"
    groups[number - 1] = first + groups[number - 1][1:]
    return "-".join(groups)
