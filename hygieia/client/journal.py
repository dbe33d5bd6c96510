"""What an upload under way must remember, so that running it again resumes it (docs/spec/12 §6).

AES-GCM forgives no second plaintext under a nonce, and resuming encrypts again under the same
session key and salt. So each leaf's CID is on disk before the leaf is sent; on resume every
recorded leaf must come out the same, in order, before a new one is sent; and when one differs the
report starts afresh under a new session key.

One file a job, one sealed line a record: whoever copies the folder learns neither keys nor names.
Lines are appended and synced; a torn last line (a crash while writing) is ignored, since what it
would have allowed was never done.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from hygieia.errors import Conflict, CredentialsError, Failed
from hygieia.folders import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from hygieia.client.state import StateKey

_CONTEXT: Final = "upload-journal 1"
_CID_BYTES: Final = 36


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was when its upload began; ``path`` is absolute."""

    path: str
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Source:
        """Look at a file now.

        Raises:
            OSError: it cannot be looked at.
        """
        status = path.stat()
        return cls(str(path.absolute()), status.st_size, status.st_mtime_ns)


@dataclass(slots=True)
class Pending:
    """One report of a job: what must be the same again when it is resumed."""

    source: Source
    report: str
    session_key: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    created: str
    leaves: list[bytes] = field(default_factory=list, repr=False)


def job_name(paths: Iterable[Path], options: Sequence[str]) -> str:
    """Name a job by what was asked, so that asking again finds it."""
    digest = hashlib.sha256()
    for part in [*sorted(str(path.absolute()) for path in paths), "\0", *options]:
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()[:32]


class Journal:
    """The memory of one job. Use as a context manager: one process at a time."""

    def __init__(self, folder: Path, job: str, key: StateKey) -> None:
        self._path = folder / f"{job}.journal"
        self._key = key
        self._descriptor: int | None = None
        self.upload: str | None = None
        self.pending: dict[str, Pending] = {}
        self.committed: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise Conflict(
                "These files are being stored by another run of this command right now.",
                hint="Wait for it to end, or end it, then run again.",
            ) from None
        self._descriptor = descriptor
        try:
            for folder in (
                self._path.parent,
                self._path.parent.parent,
            ):  # it may have been made now
                sync_folder(folder)
            self._read()
        except OSError as error:
            self._close()
            raise _unwritable(error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def use_upload(self, upload: str) -> None:
        """Remember the server's upload: its blocks are kept for it a day."""
        self.upload = upload
        self._append({"kind": "upload", "upload": upload})

    def begin(self, pending: Pending) -> None:
        """Remember a report before its first leaf is sent; replaces an earlier attempt."""
        self.pending[pending.source.path] = pending
        self._append(
            {
                "kind": "begin",
                "source": asdict(pending.source),
                "report": pending.report,
                "session_key": pending.session_key.hex(),
                "salt": pending.salt.hex(),
                "created": pending.created,
            }
        )

    def record_leaves(self, pending: Pending, cids: Sequence[bytes]) -> None:
        """Have the next leaves' CIDs on disk; only then may they be sent."""
        pending.leaves.extend(cids)
        packed = base64.b64encode(b"".join(cids)).decode()
        self._append({"kind": "leaves", "path": pending.source.path, "cids": packed})

    def record_committed(self, reports: Sequence[tuple[Source, dict[str, Any]]]) -> None:
        """Remember what the server acknowledged, with what the command prints about it.

        Written before the commit is sent too, so that a crash in between finds the report's id
        and asks the server instead of storing the file twice.
        """
        for source, document in reports:
            self.committed[source.path] = {"source": asdict(source), "document": document}
        self._append(
            {"kind": "committed", "reports": [[asdict(s), document] for s, document in reports]}
        )

    def committed_report(self, source: Source) -> dict[str, Any] | None:
        """What this job stored for the unchanged file, if it did."""
        found = self.committed.get(source.path)
        if found is None or found["source"] != asdict(source):
            return None
        document: dict[str, Any] = found["document"]
        return document

    def finish(self) -> None:
        """The job is done: forget it."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _append(self, record: dict[str, Any]) -> None:
        if self._descriptor is None:
            raise Failed("The upload's journal is closed.")
        line = self._key.seal(_CONTEXT, record).encode() + b"\n"
        try:
            written = os.write(self._descriptor, line)
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise _unwritable(error) from None
        if written != len(line):
            raise _unwritable(OSError("disk full"))

    def _read(self) -> None:
        with open(os.dup(self._descriptor or 0), "rb") as file:  # noqa: PTH123  (a descriptor)
            file.seek(0)
            *lines, torn = file.read().split(b"\n")
        try:
            for line in lines:
                self._apply(self._key.open(_CONTEXT, line.decode("ascii")))
        except (CredentialsError, KeyError, TypeError, ValueError):
            # Sealed under another password, or damaged: nothing in it can be relied on, and a
            # fresh session key is always safe.
            self._restart()
            return
        if torn:
            os.ftruncate(self._descriptor or 0, sum(len(line) + 1 for line in lines))

    def _restart(self) -> None:
        self.upload = None
        self.pending.clear()
        self.committed.clear()
        os.ftruncate(self._descriptor or 0, 0)

    def _apply(self, record: dict[str, Any]) -> None:
        kind = record["kind"]
        if kind == "upload":
            self.upload = record["upload"]
        elif kind == "begin":
            source = Source(**record["source"])
            self.pending[source.path] = Pending(
                source,
                record["report"],
                bytes.fromhex(record["session_key"]),
                bytes.fromhex(record["salt"]),
                record["created"],
            )
        elif kind == "leaves":
            packed = base64.b64decode(record["cids"], validate=True)
            leaves = [packed[i : i + _CID_BYTES] for i in range(0, len(packed), _CID_BYTES)]
            self.pending[record["path"]].leaves.extend(leaves)
        elif kind == "committed":
            for source, document in record["reports"]:
                self.committed[source["path"]] = {"source": source, "document": document}


def _unwritable(error: OSError) -> Failed:
    return Failed(
        f"The upload's journal cannot be written: {error.strerror or 'disk full'}.",
        hint="Make room on this machine's disk, then run again to resume.",
    )
