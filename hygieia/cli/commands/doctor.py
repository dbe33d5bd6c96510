"""``hygieia doctor``: what is well, what is not, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hygieia import __version__
from hygieia.cli.options import command
from hygieia.errors import Failed, HygieiaError, Unreachable
from hygieia.limits import CLOCK_SKEW_SECONDS

if TYPE_CHECKING:
    from hygieia.cli.invocation import Invocation

_NOTICEABLE_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, what was seen, what to do if not."""

    what: str
    well: bool
    seen: str
    advice: str | None = None


@command("doctor")
def doctor(invocation: Invocation) -> None:
    """Check server, gateways, clock and versions, and say what to do."""
    from hygieia.cli.sessions import run

    findings = run(_look(invocation))
    document = {"well": all(f.well for f in findings), "checks": [asdict(f) for f in findings]}

    def human() -> str:
        return "\n".join(_line(finding) for finding in findings)

    if document["well"]:
        invocation.result(document, human)
    elif any(f.what == "server" and not f.well for f in findings):
        invocation.incomplete(document, human, Unreachable("The server cannot be used now."))
    else:
        error = Failed("Something needs your attention; the lines above say what.")
        invocation.incomplete(document, human, error)


def _line(finding: Finding) -> str:
    mark = "ok  " if finding.well else "LOOK"
    advice = f"\n      {finding.advice}" if finding.advice else ""
    return f"{mark}  {finding.what}: {finding.seen}{advice}"


async def _look(invocation: Invocation) -> list[Finding]:
    from hygieia.cli.sessions import connected, profile_store

    findings = [_profile(invocation)]
    async with connected(invocation) as transport:
        try:
            facts = (await transport.call("GET", "/server")).document
        except HygieiaError as error:
            advice = (
                "Is it running? Is --server right? Your records can be had without it: "
                "hygieia recover KIT --gateway URL --out DIR"
            )
            return [*findings, Finding("server", False, str(error), advice)]
        findings.append(Finding("server", True, f"{transport.server} answers"))
        findings.append(_versions(facts))
        findings.append(_clock(facts))
        urls = [transport.server, *[str(url) for url in facts.get("gateways") or []]]
        profile = profile_store(invocation).load()
        name = profile.ipns_name if profile is not None else None
        findings += [await _gateway(url, name) for url in dict.fromkeys(urls)]
    return findings


def _profile(invocation: Invocation) -> Finding:
    from hygieia.cli.sessions import profile_store

    store = profile_store(invocation)
    try:
        profile = store.load()
    except HygieiaError as error:
        return Finding("this device", False, str(error), error.hint)
    if profile is None:
        advice = "hygieia signup EMAIL, or hygieia login EMAIL"
        return Finding("this device", True, "nobody has signed in yet", advice)
    state = "signed in" if profile.signed_in else "signed out"
    return Finding("this device", True, f"{profile.email}, {state}, profile {store.name}")


def _versions(facts: dict[str, Any]) -> Finding:
    theirs = str(facts.get("version", "?"))[:40]
    same = theirs.split(".")[:1] == __version__.split(".")[:1]
    advice = None if same else "Update the older of the two."
    return Finding("versions", same, f"this command {__version__}, server {theirs}", advice)


def _clock(facts: dict[str, Any]) -> Finding:
    try:
        server = datetime.fromisoformat(str(facts["time"]))
    except (KeyError, ValueError):
        return Finding("clock", False, "the server tells no time", "Update the server.")
    skew = abs((datetime.now(UTC) - server).total_seconds())
    seen = f"{skew:.0f} s away from the server's"
    well = skew < _NOTICEABLE_SKEW_SECONDS
    advice = (
        None
        if well
        else (
            "Set this machine's clock or the server's: beyond "
            f"{CLOCK_SKEW_SECONDS // 60} minutes signatures are refused."
        )
    )
    return Finding("clock", well, seen, advice)


async def _gateway(url: str, ipns_name: str | None) -> Finding:
    """A gateway serves the smallest block there is, and this vault's record if there is one."""
    from hygieia.blocks.gateway import GatewayReader
    from hygieia.errors import NotFound
    from hygieia.ipld.ipns import value_cid

    try:
        async with GatewayReader((url,)) as reader:
            if ipns_name is None:
                return Finding(f"gateway {url}", True, "not asked: nobody has signed in")
            record = await reader.get_record(ipns_name)
            await reader.get(value_cid(record.record))
    except NotFound:
        advice = "It is no copy of your vault. Ask its host, or leave it out."
        return Finding(f"gateway {url}", False, "does not have this vault", advice)
    except HygieiaError as error:
        return Finding(f"gateway {url}", False, str(error), "Leave it out, or ask its host.")
    return Finding(f"gateway {url}", True, f"serves this vault, index {record.record.sequence}")
