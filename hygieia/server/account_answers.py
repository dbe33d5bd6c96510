"""Between the API's models and the domain's values, for accounts and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygieia.domain.sign_in import Origin, Started
from hygieia.openpgp.parameters import KdfParams
from hygieia.openpgp.times import format_time
from hygieia.server.api import Answer, Call
from hygieia.server.callers import client_address
from hygieia.server.schemas.accounts import (
    AccountOut,
    QuotaOut,
    SignedIn,
    StartedSessionOut,
)
from hygieia.server.schemas.fields import Kdf

if TYPE_CHECKING:
    from hygieia.domain.account import Account


def kdf_params(kdf: Kdf) -> KdfParams:
    """Stretching parameters from a request."""
    return KdfParams(m=kdf.m, t=kdf.t, p=kdf.p)


def kdf_out(params: KdfParams) -> Kdf:
    """Stretching parameters for an answer."""
    return Kdf(m=params.m, t=params.t, p=params.p)


def origin_of(call: Call, *, device: str | None = None, label: str | None = None) -> Origin:
    """Where a sign-in comes from."""
    address = client_address(call.request, call.services.settings)
    return Origin(address=address, device=device, label=label or "")


async def account_out(call: Call, account: Account) -> AccountOut:
    """An account for its owner, with what it uses."""
    quotas = call.services.stores.quotas
    usage = await quotas.usage(account.id)
    quota = QuotaOut(used_bytes=usage.used_bytes, limit_bytes=await quotas.limit(account.id))
    return AccountOut(
        account=account.id,
        email=account.email,
        name=account.name,
        certificate=account.certificate,
        kdf=kdf_out(account.kdf),
        sealed_key=account.sealed_key,
        seal_mac=account.seal_mac,
        seal_certificate=account.seal_certificate,
        recovery_key=account.recovery_key,
        recovery_mac=account.recovery_mac,
        revocation=account.revocation,
        ipns_name=account.ipns_name,
        quota=quota,
        created=format_time(account.created),
        rev=account.rev,
    )


async def signed_in_answer(call: Call, started: Started, *, cookie: bool) -> Answer:
    """A started session; its token goes into the body or into a cookie, never both."""
    session = started.session
    model = SignedIn(
        account=await account_out(call, started.account),
        session=StartedSessionOut(
            id=session.id,
            created=format_time(session.created),
            expires=format_time(session.expires),
        ),
        token=None if cookie else started.token,
        device=started.device,
    )
    return Answer(model, cookie=started.token if cookie else None)
