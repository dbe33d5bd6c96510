"""The settings: frozen, and read nowhere else.

Every setting of the server is one field of `Settings`; the variable's name is ``HYGIEIA_`` and the
field's name in capitals. Strongest first: the command line, the environment, the ``.env`` file, the
default. ``.env.example`` documents them all, and a test keeps it true. The client's few are
`ClientSettings`, from the environment alone.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from hygieia import limits
from hygieia import setting_values as read
from hygieia.errors import ConfigError
from hygieia.setting_values import IpNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX: Final = "HYGIEIA_"
_NEVER_EMPTY: Final = {"HYGIEIA_DOCUMENTS", "HYGIEIA_BLOCKS"}  # no store was ever meant by that
IGNORED_PREFIX: Final = "HYGIEIA_TEST_"
DEFAULT_ENV_FILE: Final = Path(".env")

# The client's own, read by the command line: known here, so that a shell may hold both kinds.
CLIENT_SETTINGS: Final[Mapping[str, tuple[str, str]]] = {
    "HYGIEIA_SERVER": ("http://localhost:8460", "The server that commands talk to."),
    "HYGIEIA_PROFILE": ("default", "Which account on this machine."),
    "HYGIEIA_PASSWORD_FILE": ("", "File with the password; - is standard input."),
    "HYGIEIA_HOME": ("", "Folder of the client's state; empty: $XDG_CONFIG_HOME/hygieia."),
}

DEFAULT_SERVER: Final = CLIENT_SETTINGS["HYGIEIA_SERVER"][0]

_MAX_ENV_FILE_BYTES: Final = 64 * 1024
_MAX_SECRET_FILE_BYTES: Final = 4096


def _setting(
    default: str, parse: Callable[[str], Any], meaning: str, *, secret: bool = False
) -> Any:  # noqa: ANN401  (a dataclass field, as dataclasses.field types it)
    """One setting: its default as text, its parser, what it means, and whether it may be shown.

    A secret one may be ``@FILE``: then the file holds it, as containers are given their secrets.
    """
    metadata = {"default": default, "parse": parse, "meaning": meaning, "secret": secret}
    return field(default=parse(default), metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator can choose. Made by `load_settings`; never changes while a server runs."""

    data_dir: Path = _setting("./data", read.path, "Folder of everything the server keeps.")
    host: str = _setting("localhost", read.text, "Address to listen on; 0.0.0.0 for all of IPv4.")
    port: int = _setting("8460", read.whole(0, 65535), "Port to listen on; 0 takes a free one.")
    public_url: str = _setting("", read.url, "Address people use; empty: made from HOST and PORT.")
    plain_http: Literal["loopback", "anywhere"] = _setting(
        "loopback",
        read.one_of("loopback", "anywhere"),
        "Where HTTP without TLS may be spoken: loopback or anywhere. "
        "Browsers give such pages no cryptography.",
    )
    tls_cert: Path | None = _setting("", read.optional_path, "Certificate chain for HTTPS, PEM.")
    tls_key: Path | None = _setting("", read.optional_path, "Secret key of that certificate, PEM.")
    trusted_proxies: tuple[IpNetwork, ...] = _setting(
        "", read.networks, "Proxies whose X-Forwarded-* headers are believed, by comma."
    )
    documents: str = _setting(
        "sqlite:",
        read.store("sqlite:", "mongodb://", "mongodb+srv://"),
        "Document store: sqlite: (in DATA_DIR), sqlite:PATH or mongodb://HOST/DATABASE; "
        "@FILE: FILE holds it.",
        secret=True,
    )
    blocks: str = _setting(
        "directory:",
        read.store("directory:", "kubo+http://", "kubo+https://"),
        "Block store: directory: (in DATA_DIR), directory:PATH or kubo+http://...; "
        "@FILE: FILE holds it.",
        secret=True,
    )
    kubo_gateway: str = _setting(
        "",
        read.url,
        "That Kubo's own gateway, as http://HOST:8080: reading through it takes a fraction of the "
        "work. It must not fetch (Gateway.NoFetch). Only with a Kubo in HYGIEIA_BLOCKS.",
    )
    cluster: str = _setting(
        "",
        read.addresses("http://", "https://"),
        "IPFS Cluster that keeps copies: REST APIs of its peers, by comma, each like "
        "http://USER:PASSWORD@HOST:9094. Only with a Kubo in HYGIEIA_BLOCKS.",
        secret=True,
    )
    cluster_replication: tuple[int, int] | None = _setting(
        "",
        read.replication,
        "How many of its peers keep each root: 2, or 2-3; empty: its own setting.",
    )
    copy_nodes: str = _setting(
        "",
        read.addresses("http://", "https://", "kubo+http://", "kubo+https://"),
        "Other nodes that should have copies, which verify reads, by comma: gateways (https://...) "
        "or Kubos (kubo+http://TOKEN@HOST:5001), which it also repairs.",
        secret=True,
    )
    wanted_copies: int = _setting(
        "1",
        read.whole(1, 64),
        "Copies of each report there should be, this server's own one counted.",
    )
    verify_hours: int = _setting(
        "24",
        read.whole(0, 8760),
        "Hours between two verifications of all copies; 0: never by itself.",
    )
    verify_mib_a_second: int = _setting(
        "32", read.whole(1, 100_000), "What a verification reads at most a second, in MiB."
    )
    secrets_file: Path | None = _setting(
        "",
        read.optional_path,
        "File of the server's own secrets; empty: in DATA_DIR, made at start.",
    )
    registration: Literal["open", "invite", "closed"] = _setting(
        "open",
        read.one_of("open", "invite", "closed"),
        "Who may sign up: open (everybody), invite (with an invitation) or closed (nobody).",
    )
    quota_bytes: int = _setting(
        "10GiB", read.size(2**20, 2**53 - 1), "Room of an account; bytes, or with KiB ... TiB."
    )
    gateways: tuple[str, ...] = _setting(
        "", read.urls, "Gateways written into recovery kits, by comma; empty: this server's own."
    )
    session_days: int = _setting(
        str(limits.SESSION_DAYS), read.whole(1, 365), "Days until a session ends by itself."
    )
    sign_in_attempts_account: int = _setting(
        "10", read.whole(1, 10_000), "Failed sign-ins an account bears in one window."
    )
    sign_in_attempts_address: int = _setting(
        "100",
        read.whole(1, 1_000_000),
        "Failed sign-ins one network address may make in one window.",
    )
    sign_in_window_minutes: int = _setting("15", read.whole(1, 1440), "Length of that window.")
    trash_days: int = _setting(
        str(limits.TRASH_DAYS),
        read.whole(limits.TRASH_DAYS, 3650),
        "Days a deleted report can be restored, 30 at least: that is what people are told.",
    )
    upload_lease_hours: int = _setting(
        str(limits.UPLOAD_LEASE_SECONDS // 3600),
        read.whole(1, 720),
        "Hours that blocks of an unfinished upload are kept.",
    )
    sweep_minutes: int = _setting("15", read.whole(1, 1440), "Pause between two clean-ups.")
    metrics: Literal["loopback", "anywhere", "off"] = _setting(
        "loopback",
        read.one_of("loopback", "anywhere", "off"),
        "Who may read /metrics: loopback (this machine), anywhere or off (nobody).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info",
        read.one_of("debug", "info", "warning", "error"),
        "What is logged: debug, info, warning or error, and what is graver.",
    )
    log_format: Literal["text", "json"] = _setting(
        "text", read.one_of("text", "json"), "How it is logged, to standard error: text or json."
    )
    shutdown_grace_seconds: int = _setting(
        "30",
        read.whole(0, 3600),
        "Time that transfers get to finish when the server is told to stop.",
    )

    @property
    def tls(self) -> bool:
        """Whether the server itself speaks HTTPS."""
        return self.tls_cert is not None


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What the environment tells a client. An option on the command line is stronger."""

    server: str | None
    profile: str
    password_file: str | None
    home: Path
    color: bool


def client_settings(environ: Mapping[str, str] | None = None) -> ClientSettings:
    """Read the client's own settings, and what the desktop says of folders and colours."""
    source = os.environ if environ is None else environ
    return ClientSettings(
        server=source.get("HYGIEIA_SERVER") or None,
        profile=source.get("HYGIEIA_PROFILE") or CLIENT_SETTINGS["HYGIEIA_PROFILE"][0],
        password_file=source.get("HYGIEIA_PASSWORD_FILE") or None,
        home=_client_home(source),
        color=not source.get("NO_COLOR"),  # https://no-color.org
    )


def _client_home(source: Mapping[str, str]) -> Path:
    if named := source.get("HYGIEIA_HOME"):
        return Path(named).expanduser()
    desktop = source.get("XDG_CONFIG_HOME")
    return (Path(desktop) if desktop else Path.home() / ".config") / "hygieia"


def load_settings(
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = DEFAULT_ENV_FILE,
    overrides: Mapping[str, str | int | Path | None] | None = None,
) -> Settings:
    """Read the settings.

    Args:
        environ: the environment; the process's own when not given.
        env_file: a file of ``NAME=value`` lines; one that is not there sets nothing.
        overrides: from the command line, by field name; None leaves a setting alone.

    Raises:
        ConfigError: a ``HYGIEIA_`` setting is unknown, wrong, or does not fit another.
    """
    given = _from_file(env_file) if env_file is not None else {}
    given |= _ours(os.environ if environ is None else environ, "the environment")
    for name, value in (overrides or {}).items():
        if value is not None:
            given[_variable(name)] = (str(value), "the command line")
    settings = Settings(**_parsed(given))
    _check_together(settings)
    return settings


def _variable(field_name: str) -> str:
    return PREFIX + field_name.upper()


def _ours(source: Mapping[str, str], where: str) -> dict[str, tuple[str, str]]:
    """Our variables with the place they come from; an empty one mostly counts as not set."""
    return {
        name: (value.strip(), where)
        for name, value in source.items()
        if name.startswith(PREFIX)
        and not name.startswith(IGNORED_PREFIX)
        and (value.strip() or name in _NEVER_EMPTY or name not in _known())
    }


def _known() -> set[str]:
    return {_variable(f.name) for f in fields(Settings)} | set(CLIENT_SETTINGS)


def _parsed(given: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    known = {_variable(f.name): f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for name, (text, where) in sorted(given.items()):
        if name in CLIENT_SETTINGS:
            continue
        if name not in known:
            raise _unknown(name, where)
        if not text and name in _NEVER_EMPTY:
            hint = f"It is set in {where}. Leave it out for the embedded store."
            raise ConfigError(f"{name} is set, but empty.", hint=hint)
        setting = known[name]
        is_file = setting.metadata["secret"] and text.startswith("@")
        try:
            values[setting.name] = setting.metadata["parse"](
                _in_file(name, text[1:]) if is_file else text
            )
        except ValueError as error:
            raise ConfigError(f"{name} {error}.", hint=f"It is set in {where}.") from None
    return values


def _in_file(name: str, path: str) -> str:
    """What the file that a setting names holds, without the spaces and line ends around it."""
    try:
        with read.path(path).open("rb") as file:
            text = file.read(_MAX_SECRET_FILE_BYTES).decode("utf-8").strip()
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise ConfigError(f"The file that {name} names cannot be read: {reason}.") from None
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ConfigError(f"The file that {name} names holds no setting.")
    return text


def _unknown(name: str, where: str) -> ConfigError:
    shown = ascii(name[:64]).strip("'")
    close = difflib.get_close_matches(name[:64], sorted(_known()), n=1)
    meant = f" Did you mean {close[0]}?" if close else " .env.example lists them all."
    return ConfigError(f"{shown} is not a setting.", hint=f"It is set in {where}.{meant}")


def _from_file(path: Path) -> dict[str, tuple[str, str]]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_ENV_FILE_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise ConfigError(f"The settings file {path.name} cannot be read: {reason}.") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"The settings file {path.name} is not UTF-8 text.") from None
    if len(raw) > _MAX_ENV_FILE_BYTES:
        raise ConfigError(f"The settings file {path.name} is too large.")
    return _ours(dict(_lines(text, path.name)), path.name)


def _lines(text: str, file_name: str) -> list[tuple[str, str]]:
    """``NAME=value`` lines; blank ones and comments are passed over, quotes taken off."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().removeprefix("export ")
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals:
            raise ConfigError(f"Line {number} of {file_name} is not NAME=value.")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found.append((name.strip(), value))
    return found


def _check_together(settings: Settings) -> None:
    """What no single setting can tell."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError("HYGIEIA_TLS_CERT and HYGIEIA_TLS_KEY belong together: set both or none.")
    for name in ("tls_cert", "tls_key"):
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            raise ConfigError(f"{_variable(name)} names no file that is there.")
    if settings.kubo_gateway and not settings.blocks.startswith("kubo+"):
        raise ConfigError("HYGIEIA_KUBO_GATEWAY says nothing without a Kubo in HYGIEIA_BLOCKS.")
    if settings.cluster and not settings.blocks.startswith("kubo+"):
        raise ConfigError("HYGIEIA_CLUSTER needs a Kubo in HYGIEIA_BLOCKS: it copies from there.")
    if settings.cluster_replication is not None and not settings.cluster:
        raise ConfigError("HYGIEIA_CLUSTER_REPLICATION says nothing without HYGIEIA_CLUSTER.")
    reachable = not (settings.tls or settings.trusted_proxies or is_loopback(settings.host))
    if reachable and settings.plain_http == "loopback":
        raise ConfigError(
            "The server would speak plain HTTP to other machines, which HYGIEIA_PLAIN_HTTP forbids.",
            hint="Set HYGIEIA_TLS_CERT and HYGIEIA_TLS_KEY, name the proxy in front of it in "
            "HYGIEIA_TRUSTED_PROXIES, or set HYGIEIA_PLAIN_HTTP=anywhere.",
        )


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
