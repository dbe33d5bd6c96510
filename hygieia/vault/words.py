"""Words of a vault: titles, file names, categories and ids (docs/spec/12-report.md §1).

What people and strangers write is text, never a path, a pattern or markup. ``check_*`` functions
judge what came from outside and raise ``InvalidInput``; ``clean_*`` functions make something
acceptable out of a name found on a disk; ``safe_file_name`` is the only way from a stored name to
a name in a folder.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from hygieia.errors import InvalidInput
from hygieia.limits import (
    MAX_FILE_NAME_BYTES,
    MAX_MEDIA_TYPE_BYTES,
    MAX_SLUG_BYTES,
    MAX_TITLE_BYTES,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CATEGORY: Final = "other"
MAX_EXTENSION_BYTES: Final = 32
"""What follows a name's last dot is an extension up to here, and part of the name beyond."""

CATEGORIES: Final = (
    "allergy",
    "bill",
    "cardiology",
    "certificate",
    "consent",
    "dental",
    "diary",
    "discharge",
    "emergency",
    "eye",
    "imaging",
    "insurance",
    "lab",
    "letter",
    "measurement",
    "medication",
    "mental-health",
    "operation",
    "pathology",
    "pregnancy",
    "prescription",
    "rehabilitation",
    "therapy",
    "vaccination",
    DEFAULT_CATEGORY,
)

PROFESSIONS: Final = (
    "caregiver",
    "dentist",
    "dietitian",
    "laboratory",
    "midwife",
    "nurse",
    "occupational-therapist",
    "optician",
    "paramedic",
    "pharmacist",
    "physician",
    "physiotherapist",
    "psychotherapist",
    "speech-therapist",
    "other",
)

_SLUG = re.compile(rf"[a-z0-9-]{{1,{MAX_SLUG_BYTES}}}\Z", re.ASCII)
_REPORT_ID = re.compile(r"[0-9a-f]{32}\Z", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_SUBJECT = re.compile(r"(?:[0-9a-f]{64}|person:[0-9a-f]{32})\Z", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z", re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\Z", re.ASCII)

# U+0000-001F and U+007F-009F, as docs/spec/01 has them, and lone surrogates, which no UTF-8 holds.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Characters that make a name look like another one: bidirectional controls and invisible joints.
_DECEPTIVE = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
# Separators and wildcards on one system or another.
_UNSAFE = re.compile(r'[<>:"/\\|?*]')
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?\Z",
    re.IGNORECASE | re.DOTALL,
)


# -- titles and file names -------------------------------------------------------------------


def check_title(title: str) -> str:
    """Return ``title`` if it is 1-256 bytes of UTF-8 without control characters.

    Raises ``InvalidInput``.
    """
    return _check_text(title, MAX_TITLE_BYTES, "A title")


def check_file_name(name: str) -> str:
    """Return ``name`` if it is 1-255 bytes of UTF-8 without ``/`` and control characters.

    A name that passes may still be ``..`` or ``CON``: it is text. Only ``safe_file_name`` makes
    a name to save under. Raises ``InvalidInput``.
    """
    _check_text(name, MAX_FILE_NAME_BYTES, "A file name")
    if "/" in name:
        raise InvalidInput("A file name may not contain a slash.")
    return name


def _check_text(text: str, limit_bytes: int, what: str) -> str:
    if _CONTROL.search(text):
        raise InvalidInput(f"{what} may not contain control characters.")
    if not text or len(text.encode()) > limit_bytes:
        raise InvalidInput(f"{what} has 1 to {limit_bytes} bytes.")
    return text


def clean_file_name(name: str) -> str:
    """Make a stored file name out of whatever a file system or a form calls the file.

    The last component, with control characters replaced and the length cut in the stem, so that
    the extension stays. The result passes ``check_file_name``.
    """
    base = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return _fit(_CONTROL.sub("_", base) or "file", MAX_FILE_NAME_BYTES)


def clean_title(text: str) -> str:
    """Make a title out of any text: control characters become spaces, the end is cut."""
    cleaned = " ".join(_CONTROL.sub(" ", text).split())
    return cut_utf8(cleaned, MAX_TITLE_BYTES).rstrip() or "untitled"


def title_from_file_name(name: str) -> str:
    """The title a report gets when nobody gave one: its file's name without the extension."""
    stem, dot, extension = clean_file_name(name).rpartition(".")
    plain = stem if dot and stem and len(extension) <= MAX_EXTENSION_BYTES else name
    return clean_title(plain)


def title_from_path(folders: Sequence[str], name: str) -> str:
    """The title of a file found below a folder: the way to it, then what its name gives.

    ``cardiology/2024/scan``. Where that is too long, the folders nearest to the file are kept.
    """
    title = title_from_file_name(name)
    for folder in reversed(folders):
        longer = f"{clean_title(folder)}/{title}"
        if len(longer.encode()) > MAX_TITLE_BYTES:
            break
        title = longer
    return title


def safe_file_name(name: str) -> str:
    """The name under which ``name``, stored by anybody, may be saved in a folder (SN-05).

    It is one component, neither hidden nor a device, with nothing that reverses or hides text.
    """
    base = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    for unwanted in (_CONTROL, _DECEPTIVE, _UNSAFE):
        base = unwanted.sub("_", base)
    base = base.lstrip(" ").rstrip(" .")
    if base.startswith("."):
        base = "_" + base[1:]
    if _DEVICE.match(base):
        base = "_" + base
    return _fit(base or "file", MAX_FILE_NAME_BYTES)


def cut_utf8(text: str, limit_bytes: int) -> str:
    """The longest prefix of ``text`` that has at most ``limit_bytes`` bytes of UTF-8."""
    data = text.encode()
    return text if len(data) <= limit_bytes else data[:limit_bytes].decode(errors="ignore")


def _fit(name: str, limit_bytes: int) -> str:
    if len(name.encode()) <= limit_bytes:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > MAX_EXTENSION_BYTES:
        return cut_utf8(name, limit_bytes).rstrip(" .")
    room = limit_bytes - len(extension.encode()) - 1
    return f"{cut_utf8(stem, room)}.{extension}"


# -- words from a list ------------------------------------------------------------------------


def check_slug(slug: str, what: str = "A category") -> str:
    """Return ``slug`` if it matches ``[a-z0-9-]{1,40}``. Raises ``InvalidInput``."""
    if not _SLUG.match(slug):
        raise InvalidInput(f"{what} has 1 to {MAX_SLUG_BYTES} characters of a-z, 0-9 and the dash.")
    return slug


def check_media_type(media_type: str) -> str:
    """Return ``media_type`` if it is ``type/subtype`` in lower case. Raises ``InvalidInput``."""
    if len(media_type) > MAX_MEDIA_TYPE_BYTES or not _MEDIA_TYPE.match(media_type):
        raise InvalidInput("A media type looks like application/pdf.")
    return media_type


# -- ids --------------------------------------------------------------------------------------


def make_id() -> str:
    """A new report, account or upload id: 128 random bits as 32 lower-case hex digits."""
    return secrets.token_hex(16)


def make_person_id() -> str:
    """A new subject for someone without an account."""
    return "person:" + secrets.token_hex(16)


def is_report_id(text: str) -> bool:
    """Whether ``text`` is 32 lower-case hex digits."""
    return _REPORT_ID.match(text) is not None


def is_key_id(text: str) -> bool:
    """Whether ``text`` is 64 lower-case hex digits."""
    return _KEY_ID.match(text) is not None


def is_subject(text: str) -> bool:
    """Whether ``text`` is a key id or ``person:`` and 32 hex digits."""
    return _SUBJECT.match(text) is not None


def is_time(text: str) -> bool:
    """Whether ``text`` has the shape of a time; ``openpgp.times`` says whether it exists."""
    return _TIME.match(text) is not None


def is_slug(text: str) -> bool:
    """Whether ``text`` is a category or profession, built in or not."""
    return _SLUG.match(text) is not None
