"""Later revisions of a report: edit and update (docs/spec/12-report.md §5).

An edit writes a new meta under the same session key and a fresh salt; content and header stay as
they are. An update, a re-key, and an edit after somebody was unshared have a new session key: they
are made like a new report, with the ``Revision`` that ``next_revision`` gives.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hygieia.errors import Forbidden, InvalidInput
from hygieia.ipld.builder import directory, join, leaf
from hygieia.ipld.shapes import DATA_NAME, META_NAME
from hygieia.openpgp.envelope import rewrap
from hygieia.openpgp.signing import sign_note
from hygieia.vault import words
from hygieia.vault.report_build import BuiltReport, Recipient, Revision, origin_of, seal_content
from hygieia.vault.report_entry import ReportEntry
from hygieia.vault.report_meta import META_CONTEXT, Draft, ReportMeta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hygieia.openpgp.certificates import Certificate
    from hygieia.openpgp.keys import UnlockedKey
    from hygieia.vault.people import People
    from hygieia.vault.report import Report
    from hygieia.vault.share_note import Readers


def next_revision(report: Report, *, same_content: bool, owner: str | None = None) -> Revision:
    """The revision after ``report``; ``same_content`` carries the note that introduced it.

    ``owner`` is the key that the next revision names: not the one before where the owner lost that
    and was given her reports back. Whoever never knew it would refuse an origin that names it, so
    the content then counts as introduced anew (docs/spec/19-re-key-and-give-back.md §5).
    """
    introduced = report.meta if report.origin is None else report.origin
    carries = same_content and introduced.owner == (owner or introduced.owner)
    return Revision(
        id=report.meta.id,
        number=report.meta.revision + 1,
        previous=str(report.encrypted.meta.cid),
        origin=origin_of(report.note, report.meta) if carries else None,
    )


def draft_of(meta: ReportMeta, author: str) -> Draft:
    """What a next revision by ``author`` says unless something is changed.

    Later revisions are the owner's alone: the key she signs with is the one they name. Fields of
    later versions of the format are carried over. A profession is its author's own.
    """
    return Draft(
        title=meta.title,
        file_name=meta.file_name,
        media_type=meta.media_type,
        owner=author,
        author=author,
        subject=meta.subject,
        category=meta.category,
        profession=meta.profession if author == meta.author else None,
        kind=meta.kind,
        links=meta.links,
        extra=meta.extra,
    )


def require_owner(meta: ReportMeta, people: People) -> None:
    """Raises ``Forbidden`` for somebody else's report."""
    if not people.is_me(meta.owner):
        raise Forbidden("Only the owner of a report can change what it says.")


def edited(draft: Draft, *, title: str | None, category: str | None) -> Draft:
    """The draft with another title or category. Raises ``InvalidInput`` if neither is another."""
    wanted = _wanted(draft, title, category)
    if wanted == draft:
        raise InvalidInput("The report already has this title and category.")
    return wanted


def is_edited(draft: Draft, *, title: str | None, category: str | None) -> bool:
    """Whether the draft says already what an edit asks for. Raises ``InvalidInput``."""
    return _wanted(draft, title, category) == draft


def _wanted(draft: Draft, title: str | None, category: str | None) -> Draft:
    return replace(
        draft,
        title=draft.title if title is None else words.check_title(title),
        category=draft.category if category is None else words.check_slug(category),
    )


def needs_new_session_key(readers: Readers | None) -> bool:
    """Whether an edit has to re-key: somebody unshared still knows the session key."""
    return readers is not None and bool(readers.removed)


def edit_report(
    report: Report,
    *,
    key: UnlockedKey,
    people: People,
    created: str,
    title: str | None = None,
    category: str | None = None,
    add: Sequence[Certificate] = (),
) -> BuiltReport:
    """Sign and encrypt a new meta; four new blocks, whatever the content's size.

    Check ``needs_new_session_key`` first. ``blocks`` of the result: the meta's payload, its file
    node, the directory. ``add`` are delegates who read it from now on (17.3): then there are two
    more, header leaf and data's file node, and ``recipients`` are they. Raises ``Forbidden`` for someone who is not the owner, ``InvalidInput`` when
    nothing would change.
    """
    meta = report.meta
    require_owner(meta, people)
    draft = edited(draft_of(meta, key.key_id), title=title, category=category)
    revision = next_revision(report, same_content=True, owner=draft.owner)
    wanted = replace(
        meta,
        title=draft.title,
        category=draft.category,
        owner=draft.owner,
        author=draft.author,
        profession=draft.profession,
        revision=revision.number,
        previous=revision.previous,
        origin=revision.origin,
        created=created,
    )
    note = sign_note(key, META_CONTEXT, wanted.to_body())
    return _with_new_meta(report, wanted, note, add)


def _with_new_meta(
    report: Report, meta: ReportMeta, note: bytes, add: Sequence[Certificate]
) -> BuiltReport:
    encrypted = report.encrypted
    blocks, payload = seal_content(note, report.session_key)
    header, data_file = encrypted.header, encrypted.data_file
    recipients: tuple[Recipient, ...] = ()
    if add:
        wrapped = rewrap(b"".join(report.packets), report.session_key, add=add)
        header_block, header = leaf(wrapped.octets)
        data_block, data_file = join(header, encrypted.data)
        blocks = [*blocks, header_block, data_block]
        recipients = tuple(
            Recipient(each.key_id, digest) for each, digest in zip(add, wrapped.added, strict=True)
        )
    meta_block, meta_file = join(header, payload)
    root_block, root = directory([(DATA_NAME, data_file), (META_NAME, meta_file)])
    return BuiltReport(
        root=root,
        blocks=(*blocks, meta_block, root_block),
        meta=meta,
        note=note,
        entry=ReportEntry.of(meta, cid=str(root.cid), meta_payload_cid=str(payload.cid)),
        recipients=recipients,
    )
