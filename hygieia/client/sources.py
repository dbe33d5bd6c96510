"""What a person asked to store: files found, named and typed."""

from __future__ import annotations

import contextlib
import mimetypes
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from hygieia.client.journal import Source
from hygieia.errors import ContentChanged, NotFound, UsageError
from hygieia.vault.words import clean_file_name, title_from_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Told = Callable[["Skipped"], object]

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
# What desktops leave behind in folders; whoever names such a file itself still has it stored.
_LITTER: Final = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"})
# The second half that some systems keep of a file on foreign disks: never the file itself.
_OTHER_HALF: Final = "._"
# No system files: the same name gives the same type on every machine.
_TYPES: Final = mimetypes.MimeTypes(filenames=())


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to store, as it was when it was found, and the folders its title tells."""

    path: Path
    source: Source
    folders: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name to store it under."""
        return clean_file_name(self.path.name)

    @property
    def title(self) -> str:
        """The title it gets when nobody gives one: two files called alike are told apart."""
        return title_from_path(self.folders, self.path.name)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something below a folder that is not stored; ``why`` is ``system-file``, ``link``, ``special``."""

    path: Path
    why: str


def find_files(paths: Sequence[Path], skipped: Told = lambda _: None) -> list[FoundFile]:
    """Every regular file named, folders with all that is below them, each once, in order.

    Links within folders are not followed: they may lead anywhere. ``skipped`` is told of them, and
    of what systems leave behind in folders. A file below a folder keeps the way to it: from the
    folder, with that one's name where several paths are named. Files that would still be called
    alike are told apart by the folders in which they differ.

    Raises:
        NotFound: a path is not there.
        UsageError: a path is neither file nor folder, or cannot be read.
    """
    found: dict[str, FoundFile] = {}
    for path in paths:
        above = path if len(paths) == 1 else _absolute(path).parent
        for file in _below(path, skipped):
            source = _look_at(file)
            if not os.access(file, os.R_OK):
                # Better said before the first file is stored than after a thousand.
                raise UsageError(f"{str(file)!r} cannot be read: it is not yours to read.")
            folders = () if file == path else _folders(file, above)
            found.setdefault(source.path, FoundFile(file, source, folders))
    return _told_apart(found)


def _told_apart(found: Mapping[str, FoundFile]) -> list[FoundFile]:
    alike: dict[tuple[str, ...], dict[str, FoundFile]] = defaultdict(dict)
    for name, file in found.items():
        alike[*file.folders, file.path.name][name] = file
    apart: dict[str, FoundFile] = {}
    for same in alike.values():
        if len(same) > 1:
            above = Path(
                os.path.commonpath([_absolute(file.path).parent for file in same.values()])
            )
            for name, file in same.items():
                apart[name] = replace(file, folders=_folders(file.path, above))
    return list({**found, **apart}.values())


def _folders(file: Path, above: Path) -> tuple[str, ...]:
    """The folders from ``above`` down to the file."""
    return _absolute(file).relative_to(_absolute(above)).parent.parts


def _absolute(path: Path) -> Path:
    # Without "..", which would tell nobody anything.
    return Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow links)


def find_file(path: Path) -> FoundFile:
    """The one regular file named. Raises as ``find_files`` does, and UsageError for a folder."""
    if path.is_dir():
        raise UsageError(f"{str(path)!r} is a folder; one file is wanted here.")
    [found] = find_files([path])
    return found


def _below(path: Path, skipped: Told) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        try:
            entries = sorted(path.iterdir())
        except OSError as error:
            raise _unreadable(path, error) from None
        for entry in entries:
            if why := _why_not(entry):
                skipped(Skipped(entry, why))
            else:
                yield from _below(entry, skipped)
    elif path.exists():
        raise UsageError(f"{str(path)!r} is neither a file nor a folder.")
    else:
        raise NotFound(f"There is no file {str(path)!r}.")


def _why_not(entry: Path) -> str | None:
    """Why something in a folder is not stored; None where it is."""
    if entry.name.casefold() in _LITTER or entry.name.startswith(_OTHER_HALF):
        return "system-file"
    if entry.is_symlink():
        return "link"
    return None if entry.is_dir() or entry.is_file() else "special"


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{str(path)!r} cannot be read: {error.strerror or 'unknown reason'}.")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file that was found, to read it.

    Raises:
        UsageError: it cannot be opened (any more), or reading it fails.
    """
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise _unreadable(path, error) from None


def _look_at(path: Path) -> Source:
    try:
        return Source.of(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def found_now(file: FoundFile) -> FoundFile:
    """The same file as it is now. Raises UsageError when it cannot be looked at."""
    return replace(file, source=_look_at(file.path))


def check_unchanged(source: Source) -> None:
    """Raise ContentChanged when a file is not what it was when it was found."""
    path = Path(source.path)
    if _look_at(path) != source:
        raise ContentChanged(
            f"{path.name!r} changed while it was stored; it was not committed.",
            hint="Run again once nobody writes to it.",
        )


def media_type_of(file_name: str) -> str:
    """The media type a file name suggests; a guess, for preview and download only."""
    suffix = Path(file_name).suffix.lower()
    guessed, encoding = _TYPES.guess_type(f"file{suffix}", strict=False)
    return _HEALTH_TYPES.get(suffix) or (guessed if guessed and not encoding else UNKNOWN_TYPE)
