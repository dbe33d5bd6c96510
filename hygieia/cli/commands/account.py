"""``signup``, ``login``, ``logout``, ``whoami``, ``passwd``, ``sessions``, ``delete-account``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hygieia.cli.options import command
from hygieia.cli.text import facts, size, table

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation

KIT_FOLDER = "."


@command("signup")
@click.argument("email")
@click.option("--name", default="", help="Your name, as others will see it.")
@click.option("--kit", "kit_folder", type=click.Path(file_okay=False), help="Where the kit goes.")
@click.option("--invite", metavar="CODE", help="The invitation, where a server wants one.")
def signup(
    invocation: Invocation, email: str, name: str, kit_folder: str | None, invite: str | None
) -> None:
    """Make keys on this machine, an account for them, and the recovery kit."""
    from hygieia.cli.kits import check_kit_folder, say_kit, write_kit
    from hygieia.cli.sessions import connected, device_label, profile_store, run
    from hygieia.client.vault import create_account

    folder = Path(kit_folder or KIT_FOLDER)
    check_kit_folder(folder)
    password = invocation.password("Choose a password", confirm=True)

    async def work() -> dict[str, Any]:
        async with connected(invocation) as transport:
            made = await create_account(
                profile_store(invocation),
                transport,
                email=email,
                name=name,
                password=password,
                invite=invite,
                label=device_label(),
            )
            profile = made.session.profile
            written = write_kit(folder, made.kit, made.code)
            say_kit(invocation, written)
            return {
                "email": profile.email,
                "name": profile.name,
                "fingerprint": profile.fingerprint,
                "ipns_name": profile.ipns_name,
                **written.to_json(),
            }

    document = run(work())
    invocation.result(document, lambda: f"Your vault is ready, {document['email']}.")


@command("login")
@click.argument("email")
def login(invocation: Invocation, email: str) -> None:
    """Sign in on this machine."""
    from hygieia.cli.sessions import connected, device_label, profile_store, run
    from hygieia.client.account import keep_unlocked
    from hygieia.client.sign_in import sign_in

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
    invocation.result(document, f"Signed in as {document['email']}.")


@command("logout")
@click.option("--forget", is_flag=True, help="Also forget what this device knows of the account.")
def logout(invocation: Invocation, forget: bool) -> None:
    """End this machine's session.

    What the device has learned about the account, such as the newest index it has seen, stays for
    the next sign-in, unless you say --forget.
    """
    from hygieia.cli.sessions import profile_store, run, signed_in
    from hygieia.client.account import sign_out

    store = profile_store(invocation)
    profile = store.load()
    if profile is not None and profile.signed_in:

        async def work() -> None:
            async with signed_in(invocation) as session:
                await sign_out(session)

        run(work())
    if forget:
        store.forget()
    invocation.result({"signed_in": False}, "Signed out.")


@command("whoami")
def whoami(invocation: Invocation) -> None:
    """Show who is signed in, and the space used."""
    from hygieia.cli.sessions import run, signed_in

    async def work() -> dict[str, Any]:
        async with signed_in(invocation) as session:
            account = (await session.transport.call("GET", "/account")).document
            profile = session.profile
            return {
                "email": profile.email,
                "name": profile.name,
                "fingerprint": profile.fingerprint,
                "ipns_name": profile.ipns_name,
                "quota": {
                    "used_bytes": int(account["quota"]["used_bytes"]),
                    "limit_bytes": int(account["quota"]["limit_bytes"]),
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
                ("IPNS name", document["ipns_name"]),
                ("Space used", space),
                ("Server", document["server"]),
            ]
        )

    invocation.result(document, human)


@command("passwd")
@click.option("--new-password-file", metavar="FILE", help="Read the new password from FILE.")
def passwd(invocation: Invocation, new_password_file: str | None) -> None:
    """Change the password. All other sessions end.

    The key stays the same: whoever has an old copy of the sealed key and the old password can
    still open it. If you fear that, make a new recovery kit, and a new account for new records.
    """
    from hygieia.cli.sessions import run, signed_in
    from hygieia.client.vault import change_password

    async def work() -> dict[str, Any]:
        async with signed_in(invocation) as session:
            current = invocation.password(f"Password of {session.profile.email}")
            if new_password_file is not None:
                new = invocation.secret_from_file(new_password_file)
            else:
                new = invocation.ask_secret("New password", confirm=True)
            await change_password(session, current=current, new=new)
            return {"changed": True}

    invocation.result(run(work()), "The password is changed; all other sessions have ended.")


@command("sessions")
@click.argument("action", required=False, type=click.Choice(["end"]))
@click.argument("ids", nargs=-1)
def sessions(invocation: Invocation, action: str | None, ids: tuple[str, ...]) -> None:
    """List the account's sessions, or end some: hygieia sessions end ID…"""  # noqa: D415
    from hygieia.cli.sessions import run, signed_in

    if action == "end" and not ids:
        raise click.UsageError("Name the sessions to end; hygieia sessions lists them.")

    async def work() -> dict[str, Any]:
        async with signed_in(invocation) as session:
            for session_id in ids:
                await session.transport.call("DELETE", f"/sessions/{_path_part(session_id)}")
            return (await session.transport.call("GET", "/sessions")).document

    document = run(work())

    def human() -> str:
        rows = [
            (
                item["id"],
                item["label"],
                item["address"],
                item["last_used"],
                "this one" if item["current"] else "",
            )
            for item in document["items"]
        ]
        return table(("ID", "DEVICE", "ADDRESS", "LAST USED", ""), rows)

    invocation.result({"sessions": document["items"]}, human)


@command("delete-account")
@click.option("--confirm", metavar="EMAIL", help="The account's address, typed as confirmation.")
def delete_account(invocation: Invocation, confirm: str | None) -> None:
    """Delete the account and everything in it. Nothing brings it back."""
    from hygieia.cli.sessions import run, signed_in
    from hygieia.client import account

    async def work() -> None:
        async with signed_in(invocation) as session:
            email = session.profile.email
            typed = confirm
            if typed is None and invocation.interactive:
                invocation.message(
                    "This deletes the account, every report in it and all its sessions. "
                    "Reports that others hold stay with them."
                )
                typed = click.prompt(f"Type {email} to go on", err=True)
            if typed is None:
                raise click.UsageError("Confirm with --confirm EMAIL.")
            password = invocation.password(f"Password of {email}")
            await account.delete_account(session, confirm=typed, password=password)

    run(work())
    invocation.result({"deleted": True}, "The account and everything in it are deleted.")


def _path_part(text: str) -> str:
    """An id as part of a path; anything else is no id."""
    if not text.isalnum() or not text.isascii():
        raise click.UsageError("A session's ID is letters and digits.")
    return text
