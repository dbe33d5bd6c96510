"""What a person asked to store: files found, named and typed."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hygieia.client.journal import Source
from hygieia.errors import NotFound, UsageError
from hygieia.vault.words import clean_file_name, title_from_file_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNKNOWN_TYPE: Final = "application/octet-stream"
# The types that health records come in and that a machine's own table may lack.
_HEALTH_TYPES: Final = {
    ".dcm": "application/dicom",
    ".dicom": "application/dicom",
    ".hl7": "x-application/hl7-v2+er7",
    ".cda": "application/hl7-cda+xml",
    ".heic": "image/heic",
    ".webp": "image/webp",
    ".md": "text/markdown",
}
# No system files: the same name gives the same type on every machine.
_TYPES: Final = mimetypes.MimeTypes(filenames=())


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to store, as it was when it was found."""

    path: Path
    source: Source

    @property
    def file_name(self) -> str:
        """The name to store it under."""
        return clean_file_name(self.path.name)

    @property
    def title(self) -> str:
        """The title it gets when nobody gives one."""
        return title_from_file_name(self.path.name)


def find_files(paths: Sequence[Path]) -> list[FoundFile]:
    """Every regular file named, folders with all that is below them, each once, in order.

    Links within folders are not followed: they may lead anywhere.

    Raises:
        NotFound: a path is not there.
        UsageError: a path is neither file nor folder, or cannot be read.
    """
    found: dict[str, FoundFile] = {}
    for path in paths:
        for file in _below(path):
            try:
                source = Source.of(file)
            except OSError as error:
                raise _unreadable(file, error) from None
            found.setdefault(source.path, FoundFile(file, source))
    return list(found.values())


def _below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        try:
            entries = sorted(path.iterdir())
        except OSError as error:
            raise _unreadable(path, error) from None
        for entry in entries:
            if not entry.is_symlink() and (entry.is_dir() or entry.is_file()):
                yield from _below(entry)
    elif path.exists():
        raise UsageError(f"{str(path)!r} is neither a file nor a folder.")
    else:
        raise NotFound(f"There is no file {str(path)!r}.")


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{str(path)!r} cannot be read: {error.strerror or 'unknown reason'}.")


def media_type_of(file_name: str) -> str:
    """The media type a file name suggests; a guess, for preview and download only."""
    suffix = Path(file_name).suffix.lower()
    guessed, encoding = _TYPES.guess_type(f"file{suffix}", strict=False)
    return _HEALTH_TYPES.get(suffix) or (guessed if guessed and not encoding else UNKNOWN_TYPE)
