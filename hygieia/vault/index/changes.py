"""Changes to an index, each by id, so that it can be applied again to a newer index (docs/spec/13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hygieia.vault.index.keys import KeysFile
from hygieia.vault.index.rows import DelegationNote
from hygieia.vault.people import Contact, FormerKey
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.share_note import Readers
from hygieia.vault.subjects import Subject


@dataclass(frozen=True, slots=True)
class PutReport:
    """Enter a report, or a later revision or root of it.

    An entry whose revision is below the known one changes nothing, nor does one for a purged
    report. ``readers`` None leaves the readers as they are. What is in the trash stays there.
    ``drops_earlier``: a re-key, after which no earlier version is open to anybody.
    """

    entry: ReportEntry
    readers: Readers | None = None
    drops_earlier: bool = False


@dataclass(frozen=True, slots=True)
class SetDeleted:
    """Put a report in the trash at ``time``, or take it out with None."""

    id: str
    time: str | None


@dataclass(frozen=True, slots=True)
class PutReaders:
    """Replace the readers of a known report."""

    readers: Readers


@dataclass(frozen=True, slots=True)
class Purge:
    """Forget a report but for its id: it is never entered again by itself."""

    id: str


@dataclass(frozen=True, slots=True)
class PutContact:
    """Enter a contact, in the place of the one whose key was ``instead_of`` if there is one."""

    contact: Contact
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class PutDelegation:
    """Enter a delegation's note, or replace it by its end: an end sticks."""

    delegation: DelegationNote


@dataclass(frozen=True, slots=True)
class SetCursor:
    """Remember how far the server's changes have been taken in."""

    cursor: str


@dataclass(frozen=True, slots=True)
class SetLogHead:
    """Sign the hash of the activity trail's newest entry (docs/spec/18-activity.md §4).

    It goes with other changes; ``by_itself``: it is worth a new index alone.
    """

    head: str
    by_itself: bool = False


@dataclass(frozen=True, slots=True)
class SetDigests:
    """Remember the digests of a new kit's parts (name and text)."""

    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SetKeys:
    """Replace ``keys.pgp``: a new IPNS key."""

    keys: KeysFile


@dataclass(frozen=True, slots=True)
class PutFormerKey:
    """Enter a key that the user had before and has confirmed: it counts as hers."""

    former: FormerKey


@dataclass(frozen=True, slots=True)
class PutSubject:
    """Enter somebody without an account, or give the known one another name."""

    subject: Subject


Change = (
    PutReport
    | SetDeleted
    | PutReaders
    | Purge
    | PutContact
    | PutDelegation
    | SetCursor
    | SetLogHead
    | SetDigests
    | SetKeys
    | PutSubject
    | PutFormerKey
)
