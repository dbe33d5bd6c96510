"""Who calls, from where, and whether a browser was made to (threat WB-01)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hygieia.domain.sessions import SignedIn
from hygieia.errors import NotSignedIn
from hygieia.server.problems import RequestRefused

if TYPE_CHECKING:
    from aiohttp import web

    from hygieia.config import Settings
    from hygieia.domain.account import Account
    from hygieia.domain.sessions import Session, Sessions

COOKIE_NAME: Final = "__Host-hygieia"
MAX_FORWARDED_HOPS: Final = 32
_SAME_SITE: Final = frozenset({"same-origin"})


@dataclass(frozen=True, slots=True)
class Caller:
    """A live session and its account. ``by_cookie``: a browser sent the token by itself."""

    signed_in: SignedIn
    by_cookie: bool

    @property
    def account(self) -> Account:
        """The account."""
        return self.signed_in.account

    @property
    def session(self) -> Session:
        """The session."""
        return self.signed_in.session

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.account.id


async def authenticate(request: web.Request, sessions: Sessions) -> Caller:
    """The caller by ``Authorization`` or, without one, by cookie. Raises ``NotSignedIn``."""
    by_cookie = "Authorization" not in request.headers
    return Caller(await sessions.authenticate(token_of(request)), by_cookie)


def token_of(request: web.Request) -> str:
    """The token that a request bears. Raises ``NotSignedIn``."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotSignedIn("The Authorization header holds no bearer token.")
        return token.strip()
    cookie = request.cookies.get(COOKIE_NAME)
    if cookie is None:
        raise NotSignedIn("This needs a session.")
    return cookie


def refuse_foreign_origin(request: web.Request, origins: tuple[str, ...]) -> None:
    """Refuse an unsafe request that a page of another origin made a browser send.

    Browsers say where a request comes from, in ``Sec-Fetch-Site`` and ``Origin``; programs that
    are no browsers say neither. Raises ``RequestRefused`` (403).
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign_site = site is not None and site not in _SAME_SITE
    foreign_origin = origin is not None and origin.lower() not in origins
    if foreign_site or foreign_origin:
        raise RequestRefused("foreign-origin", "A page of another site made this request.")


def require_own_page(request: web.Request, origins: tuple[str, ...]) -> None:
    """For what a cookie authorises: the browser must say that a page of ours asked.

    Raises ``RequestRefused`` (403).
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is None and origin is None:
        raise RequestRefused(
            "foreign-origin", "A session by cookie needs Origin or Sec-Fetch-Site."
        )
    refuse_foreign_origin(request, origins)


def client_address(request: web.Request, settings: Settings) -> str:
    """The address of the client: ``X-Forwarded-For`` counts only from trusted proxies."""
    peer = peer_address(request)
    if not is_trusted_proxy(peer, settings):
        return peer
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(hops[-MAX_FORWARDED_HOPS:]):
        address = _address(hop.strip())
        if address is None:
            break
        if not is_trusted_proxy(address, settings):
            return address
        peer = address
    return peer


def forwarded_scheme(request: web.Request, settings: Settings) -> str | None:
    """``https`` or ``http``: what the client spoke to the trusted proxy that passed this on.

    None where no trusted proxy says, or says another word. The nearest proxy's word is the last
    one; empty ones count for nothing (RFC 9110 §5.6.1).
    """
    if not is_trusted_proxy(peer_address(request), settings):
        return None
    words = ",".join(request.headers.getall("X-Forwarded-Proto", [])).split(",")
    word = next((word.strip().lower() for word in reversed(words) if word.strip()), None)
    return word if word in {"https", "http"} else None


def peer_address(request: web.Request) -> str:
    """The address at the other end of the connection."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if isinstance(peer, tuple) else "unknown"


def is_trusted_proxy(address: str, settings: Settings) -> bool:
    """Whether the settings name this address, or its network, as a proxy in front of us."""
    if not settings.trusted_proxies:
        return False
    text = _address(address)
    if text is None:
        return False
    parsed = ipaddress.ip_address(text)
    return any(
        parsed in network
        for network in settings.trusted_proxies
        if network.version == parsed.version
    )


def is_loopback_address(address: str) -> bool:
    """Whether an address is of this machine."""
    text = _address(address)
    return text is not None and ipaddress.ip_address(text).is_loopback


def _address(text: str) -> str | None:
    """An IP address without zone, an IPv4 one in IPv6 clothes unwrapped; None if it is none."""
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)
