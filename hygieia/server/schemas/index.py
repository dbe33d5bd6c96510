"""The vault index (docs/spec/13)."""

from __future__ import annotations

from pydantic import Field

from hygieia.server.api import Model
from hygieia.server.schemas.fields import Base64, CidText, Id, Rev, Sequence


class IndexOut(Model):
    """The account's current index: all null, ``rev`` and ``sequence`` 0, before the first one."""

    root: str | None
    rev: Rev
    sequence: Rev
    record: str | None = Field(description="The signed IPNS record, base64.")
    kit_root: str | None = Field(description="The root that the latest kit names; kept pinned.")


class IndexIn(Model):
    """A new index root and the IPNS record that names it, in one step."""

    upload: Id
    root: CidText
    sequence: Sequence
    record: Base64


class KitRootIn(Model):
    """The root that the kit just written names."""

    root: CidText
