"""``signup``, ``login``, ``logout``, ``whoami``, ``passwd``, ``sessions``, ``delete-account``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import ANY_PATH, command
from hygieia.cli.text import facts, size, table
from hygieia.errors import CredentialsError, Duplicate, HygieiaError, InvalidInput

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation
    from hygieia.client.state import ProfileStore

KIT_FOLDER = "."
_SHORT_ID_CHARACTERS = 12
_END = "end"


@command("signup")
@click.argument("email")
@click.option("--name", default="", help="Your name, as others will see it.")
@click.option("--kit", "kit_folder", type=click.Path(file_okay=False), help="Where the kit goes.")
@click.option("--invite", metavar="CODE", help="The invitation, where a server wants one.")
def signup(
    invocation: Invocation, email: str, name: str, kit_folder: str | None, invite: str | None
) -> None:
    """Make keys on this machine, an account for them, and the recovery kit."""
    from hygieia.cli.kits import check_kit_folder
    from hygieia.cli.sessions import profile_store, run
    from hygieia.client.session import refuse_other_account
    from hygieia.openpgp.parameters import normalise_email

    folder, store = Path(kit_folder or KIT_FOLDER), profile_store(invocation)
    email = normalise_email(email)
    refuse_other_account(store, email)
    _refuse_if_signed_in(store)
    check_kit_folder(folder)
    try:
        document = run(_sign_up(invocation, store, folder, email=email, name=name, invite=invite))
    except HygieiaError:
        _say_if_made_without_kit(invocation, store, email)
        raise
    invocation.done(document, f"Your vault is ready, {document['email']}.")


async def _sign_up(
    invocation: Invocation,
    store: ProfileStore,
    folder: Path,
    *,
    email: str,
    name: str,
    invite: str | None,
) -> dict[str, Any]:
    from hygieia.cli.kits import say_kit, write_kit
    from hygieia.cli.sessions import connected, device_label
    from hygieia.client.account import keep_unlocked
    from hygieia.client.vault import create_account

    async with connected(invocation) as transport:
        # Whether there is a server at all, before a password is thought up for it.
        await transport.call("GET", "/server")
        made = await create_account(
            store,
            transport,
            email=email,
            name=name,
            password=new_password(invocation, "Choose a password", email=email, name=name),
            invite=invite,
            label=device_label(),
        )
        profile = made.session.profile
        written = write_kit(folder, made.kit, made.code)
        say_kit(invocation, written)
        if invocation.interactive:
            await keep_unlocked(made.session)
        return {
            "email": profile.email,
            "name": profile.name,
            "fingerprint": profile.fingerprint,
            "ipns_name": profile.ipns_name,
            **written.to_json(),
        }


def _refuse_if_signed_in(store: ProfileStore) -> None:
    """Signing up twice is a mistake; a sign-up that came to no kit needs only that."""
    profile = store.load()
    if profile is not None and profile.signed_in:
        raise Duplicate(
            f"You have this account already and are signed in: {profile.email}.",
            hint="A new recovery kit: hygieia kit --out DIR. Another account: add --profile NAME.",
        )


def new_password(
    invocation: Invocation, question: str, *, email: str, name: str, option: str | None = None
) -> str:
    """Take a new password; at a terminal, ask again until it is one that may guard a vault.

    Args:
        invocation: where it is asked.
        question: what to ask.
        email: not to be part of it.
        name: not to be part of it.
        option: what gives it where nobody can be asked, if the password file holds another one.

    Raises:
        InvalidInput: the one in the file may not.
    """
    from hygieia.client.passwords import check_new_password

    while True:
        if option is None:
            password = invocation.password(question, confirm=True)
        else:
            password = invocation.ask_secret(question, confirm=True, option=option)
        try:
            return check_new_password(password, email=email, name=name)
        except InvalidInput as error:
            if not invocation.interactive:
                raise
            invocation.warn(f"{error} {error.hint or ''}".rstrip())
            invocation.forget_answer(question)


def _say_if_made_without_kit(invocation: Invocation, store: ProfileStore, email: str) -> None:
    """A sign-up may stop after the account is there: then only its kit is still to be made."""
    profile = store.load()
    if profile is not None and profile.signed_in and profile.email == email:
        invocation.warn(
            "the account is made and you are signed in, but there is no recovery kit yet. "
            "Make it now: hygieia kit --out DIR"
        )


@command("login")
@click.argument("email")
def login(invocation: Invocation, email: str) -> None:
    """Sign in on this machine."""
    from hygieia.cli.sessions import connected, device_label, profile_store, run
    from hygieia.client.account import keep_unlocked
    from hygieia.client.session import refuse_other_account
    from hygieia.client.sign_in import sign_in
    from hygieia.openpgp.parameters import normalise_email

    email = normalise_email(email)
    refuse_other_account(profile_store(invocation), email)
    password = invocation.password(f"Password of {email}")

    async def work() -> dict[str, Any]:
        async with connected(invocation) as transport:
            session = await sign_in(
                profile_store(invocation),
                transport,
                email=email,
                password=password,
                label=device_label(),
            )
            kept = await keep_unlocked(session) if invocation.interactive else False
            return {"email": session.profile.email, "unlocked": kept}

    document = run(work())
    invocation.done(document, f"Signed in as {document['email']}.")


@command("logout")
@click.option("--forget", is_flag=True, help="Also forget what this device knows of the account.")
def logout(invocation: Invocation, forget: bool) -> None:
    """End this machine's session.

    What the device has learned about the account, such as the newest index it has seen, stays for
    the next sign-in, unless you say --forget.
    """
    from hygieia.cli.sessions import profile_store, run, signed_in
    from hygieia.client import keyrings
    from hygieia.client.account import sign_out

    async def work() -> bool:
        async with signed_in(invocation) as session:
            return await sign_out(session)

    store = profile_store(invocation)
    profile = store.load()
    told = True
    if profile is not None and profile.signed_in:
        try:
            told = run(work())
        except CredentialsError as error:
            # Without the password the token cannot even be shown; forgetting it needs none.
            if not forget:
                error.hint = "To sign out without it: hygieia logout --forget"
                raise
            told = False
    is_kept = profile is not None and not keyrings.forget(profile.account)
    if forget:
        store.forget()
    if is_kept:
        invocation.warn(
            "this system's keyring is locked and may still hold what opens the vault: unlock it and "
            "say hygieia logout again, or remove the entry hygieia there"
        )
    if not told:
        invocation.warn(
            "the server was not told, so the session there ends by itself; to end it now, sign "
            "in elsewhere and use: hygieia sessions end ID"
        )
    invocation.done({"signed_in": False, "server_told": told}, "Signed out.")


@command("whoami")
def whoami(invocation: Invocation) -> None:
    """Show who is signed in, and the space used."""
    from hygieia.cli.sessions import run, signed_in
    from hygieia.client import answers

    async def work() -> dict[str, Any]:
        async with signed_in(invocation) as session:
            account = (await session.transport.call("GET", "/account")).document
            quota, profile = answers.part(account, "quota"), session.profile
            return {
                "email": profile.email,
                "name": profile.name,
                "fingerprint": profile.fingerprint,
                "key_id": profile.key_id,
                "ipns_name": profile.ipns_name,
                "quota": {
                    "used_bytes": answers.number(quota, "used_bytes"),
                    "limit_bytes": answers.number(quota, "limit_bytes"),
                },
                "server": profile.server,
            }

    document = run(work())

    def human() -> str:
        quota = document["quota"]
        space = f"{size(quota['used_bytes'])} of {size(quota['limit_bytes'])}"
        return facts(
            [
                ("Email", document["email"]),
                ("Name", document["name"]),
                ("Fingerprint", document["fingerprint"]),
                ("Key ID", document["key_id"]),
                ("IPNS name", document["ipns_name"]),
                ("Space used", space),
                ("Server", document["server"]),
            ]
        )

    invocation.result(document, human)


@command("passwd")
@click.option(
    "--new-password-file", type=ANY_PATH, metavar="FILE", help="Read the new password from FILE."
)
def passwd(invocation: Invocation, new_password_file: str | None) -> None:
    """Change the password. All other sessions end.

    The key stays the same: whoever has an old copy of the sealed key and the old password can
    still open it. If you fear that, make a new recovery kit, and a new account for new records.
    """
    from hygieia.cli.sessions import opened_vault, run

    invocation.refuse_two_from_standard_input(new_password_file)

    async def work() -> None:
        async with opened_vault(invocation) as vault:
            profile = vault.session.profile
            current = invocation.password(f"Password of {profile.email}")
            if new_password_file is not None:
                new = invocation.secret_from_file(new_password_file)
            else:
                new = new_password(
                    invocation,
                    "New password",
                    email=profile.email,
                    name=profile.name,
                    option="--new-password-file",
                )
            await vault.change_password(current=current, new=new)

    run(work())
    invocation.message(
        "Your kit's file opens with its code, or with the old password still. For the new one, write "
        "the file afresh and destroy the old: hygieia kit --file-only --out DIR"
    )
    invocation.done({"changed": True}, "The password is changed; all other sessions have ended.")


def _complete_end(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    return [_END] if _END.startswith(begun) else []


@command("sessions")
@click.argument("action", required=False, metavar="[end", shell_complete=_complete_end)
@click.argument("ids", nargs=-1, metavar="ID…]")
def sessions(invocation: Invocation, action: str | None, ids: tuple[str, ...]) -> None:
    """List the account's sessions, or end some: hygieia sessions end ID…"""  # noqa: D415  (ends in an example)
    from hygieia.cli.sessions import run, signed_in
    from hygieia.client.account import end_sessions, list_sessions

    if action not in {None, _END}:
        raise click.UsageError(f"There is only: hygieia sessions {_END} ID…")
    if action == _END and not ids:
        raise click.UsageError("Name the sessions to end; hygieia sessions lists them.")

    async def work() -> list[dict[str, Any]]:
        async with signed_in(invocation) as session:
            return await (end_sessions(session, ids) if ids else list_sessions(session))

    found = run(work())

    def human() -> str:
        rows = [
            (
                str(item["id"])[:_SHORT_ID_CHARACTERS],
                str(item["label"]),
                str(item["address"]),
                str(item["last_used"]),
                "this one" if item["current"] else "",
            )
            for item in found
        ]
        return table(("ID", "DEVICE", "ADDRESS", "LAST USED", ""), rows) if rows else ""

    invocation.result({"sessions": found}, human)
    if ids and not any(item["current"] for item in found):
        invocation.message("You are signed out here.")


@command("delete-account")
@click.option("--confirm", metavar="EMAIL", help="The account's address, typed as confirmation.")
def delete_account(invocation: Invocation, confirm: str | None) -> None:
    """Delete the account and everything in it. Nothing brings it back."""
    from hygieia.cli.sessions import run, signed_in
    from hygieia.client import account

    async def work() -> None:
        async with signed_in(invocation) as session:
            email = session.profile.email
            if confirm is None:
                invocation.message(
                    "This deletes the account, every report in it and all its sessions. "
                    "Reports that others hold stay with them."
                )
            typed = confirm if confirm is not None else invocation.type_to_confirm(email)
            if typed is None:
                raise click.UsageError("Confirm with --confirm EMAIL.")
            password = invocation.password(f"Password of {email}")
            await account.delete_account(session, confirm=typed, password=password)

    run(work())
    invocation.done({"deleted": True}, "The account and everything in it are deleted.")
