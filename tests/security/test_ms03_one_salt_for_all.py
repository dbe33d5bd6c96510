"""MS-03: a server gives every account one salt and looks log-in secrets up in a table."""

from __future__ import annotations

from hygieia.openpgp import kdf

ACCOUNTS = [f"{number:032x}" for number in range(200)]


def test_the_salt_is_the_clients_own_arithmetic() -> None:
    """No parameter of stretching is a salt: there is nothing for a server to choose."""
    assert "salt" not in kdf.stretch.__annotations__
    assert kdf.stretch.__code__.co_varnames[: kdf.stretch.__code__.co_argcount] == (
        "password",
        "email",
        "account",
        "params",
    )


def test_no_two_accounts_share_a_salt() -> None:
    emails = ["ana@example.org", "boris@example.org"]
    salts = {kdf.salt_for(email, account) for email in emails for account in ACCOUNTS}
    assert len(salts) == len(emails) * len(ACCOUNTS)
