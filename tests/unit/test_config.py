from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import ClassVar

import pytest

from hygieia.config import (
    CLIENT_SETTINGS,
    Settings,
    client_settings,
    is_loopback,
    load_settings,
)
from hygieia.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def load(environ: dict[str, str] | None = None, **fields: object) -> Settings:
    return load_settings(environ or {}, env_file=None, **fields)  # type: ignore[arg-type]  # fields by name


def env_file(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


def described() -> dict[str, tuple[str, str]]:
    """Every setting: its default as it would be written, and its meaning."""
    server = {
        f"HYGIEIA_{field.name.upper()}": (field.metadata["default"], field.metadata["meaning"])
        for field in dataclasses.fields(Settings)
    }
    return {**server, **CLIENT_SETTINGS}


def test_with_nothing_set_the_defaults_hold() -> None:
    assert load() == Settings()
    assert Settings().port == 8460
    assert Settings().data_dir == Path("data")


def test_the_example_documents_every_setting_with_its_default_and_no_other() -> None:
    documented = dict(re.findall(r"^# (HYGIEIA_\w+)=(.*)$", EXAMPLE.read_text("utf-8"), re.M))
    assert documented == {name: default for name, (default, _) in described().items()}


def test_the_example_says_what_each_setting_means() -> None:
    text = EXAMPLE.read_text("utf-8")
    for name, (_, meaning) in described().items():
        assert f"# {meaning}\n# {name}=" in text


def test_the_example_as_it_stands_is_a_valid_env_file() -> None:
    assert load_settings({}, EXAMPLE) == Settings()


def test_every_default_uncommented_gives_the_defaults(tmp_path: Path) -> None:
    text = re.sub(r"^# (HYGIEIA_)", r"\1", EXAMPLE.read_text("utf-8"), flags=re.M)
    assert load_settings({}, env_file(tmp_path, text)) == Settings()


def test_the_command_line_is_stronger_than_the_environment_and_that_than_the_file(
    tmp_path: Path,
) -> None:
    file = env_file(tmp_path, "HYGIEIA_PORT=1001\nHYGIEIA_HOST=127.0.0.2\nHYGIEIA_TRASH_DAYS=60\n")
    settings = load_settings(
        {"HYGIEIA_PORT": "1002", "HYGIEIA_HOST": "127.0.0.3"}, file, {"port": 1003, "host": None}
    )
    assert (settings.port, settings.host, settings.trash_days) == (1003, "127.0.0.3", 60)


def test_settings_never_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]  # frozen: that is tried


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "٣"),
        ("PORT", "9" * 10_000),
        ("DOCUMENTS", "postgres://x"),
        ("BLOCKS", "s3://x"),
        ("REGISTRATION", "Open"),
        ("QUOTA_BYTES", "10GB"),
        ("QUOTA_BYTES", "0"),
        ("QUOTA_BYTES", "1e9"),
        ("GATEWAYS", "https://a.example,ftp://b.example"),
        ("GATEWAYS", ",".join(f"https://g{n}.example" for n in range(33))),
        ("PUBLIC_URL", "https://user:secret@vault.example"),
        ("PUBLIC_URL", "https://vault.example:0"),
        ("PUBLIC_URL", "https://vault.example:port"),
        ("PUBLIC_URL", "https://vault.example/?q"),
        ("PUBLIC_URL", "https://[::1"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("LOG_FORMAT", "xml"),
        ("TRASH_DAYS", "0"),
        ("TRASH_DAYS", "29"),
    ],
)
def test_a_wrong_value_is_one_clear_line_that_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({f"HYGIEIA_{name}": value})
    assert str(caught.value).startswith(f"HYGIEIA_{name} must ")
    assert "\n" not in str(caught.value)
    assert caught.value.hint == "It is set in the environment."
    assert caught.value.exit_code == 2


def test_a_wrong_value_is_not_repeated_for_it_may_be_a_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"HYGIEIA_DOCUMENTS": "mongo://admin:hunter2@db"})
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


def test_settings_shown_in_a_log_hold_no_credentials() -> None:
    settings = load(
        {
            "HYGIEIA_DOCUMENTS": "mongodb://admin:hunter2@db",
            "HYGIEIA_BLOCKS": "kubo+http://:hunter2@kubo:5001",
        }
    )
    assert "hunter2" not in repr(settings)


def test_an_unknown_setting_stops_the_start_and_the_nearest_is_named() -> None:
    with pytest.raises(ConfigError, match="HYGIEIA_PROT is not a setting") as caught:
        load({"HYGIEIA_PROT": "8460"})
    assert "Did you mean HYGIEIA_PORT?" in (caught.value.hint or "")


def test_an_unknown_setting_counts_even_when_it_is_empty() -> None:
    with pytest.raises(ConfigError):
        load({"HYGIEIA_QUOTA": ""})


def test_an_unknown_name_is_shown_short_and_escaped() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"HYGIEIA_\n\x1b[31m" + "X" * 500: "1"})
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_an_unknown_setting_in_the_file_is_refused_with_the_files_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({}, env_file(tmp_path, "HYGIEIA_NOPE=1\n"))
    assert (caught.value.hint or "").startswith("It is set in .env.")


def test_the_clients_settings_the_tests_own_and_other_peoples_are_left_alone() -> None:
    foreign = {"HYGIEIA_TEST_ANYTHING": "x", "PATH": "/bin", "PORT": "http"}
    assert load({**dict.fromkeys(CLIENT_SETTINGS, "x"), **foreign}) == Settings()


def test_an_empty_setting_is_not_set() -> None:
    assert load({"HYGIEIA_PORT": "", "HYGIEIA_DATA_DIR": " "}) == Settings()


@pytest.mark.parametrize("name", ["HYGIEIA_DOCUMENTS", "HYGIEIA_BLOCKS"])
def test_a_store_that_is_named_by_nothing_is_not_the_embedded_one(name: str) -> None:
    for text in ("", " "):
        with pytest.raises(ConfigError, match=f"{name} is set, but empty") as caught:
            load({name: text})
        assert "Leave it out for the embedded store" in (caught.value.hint or "")


def test_a_file_may_hold_comments_quotes_exports_and_settings_of_other_programs(
    tmp_path: Path,
) -> None:
    text = "# a comment\n\nexport HYGIEIA_PORT=1\nHYGIEIA_HOST='::1'\nOTHER=1\n"
    settings = load_settings({}, env_file(tmp_path, text))
    assert (settings.port, settings.host) == (1, "::1")


@pytest.mark.parametrize(
    "content", [b"HYGIEIA_PORT\n", b"\xff\xfe", b"#" * 70_000, b"HYGIEIA_PORT=0x10"]
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_settings({}, path)


def test_a_file_that_is_not_there_sets_nothing_and_a_folder_in_its_place_is_an_error(
    tmp_path: Path,
) -> None:
    assert load_settings({}, tmp_path / "none") == Settings()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("1048576", 2**20), ("1MiB", 2**20), ("2 GiB", 2**31), ("1TiB", 2**40)],
)
def test_sizes_are_bytes_or_have_a_unit(text: str, size_bytes: int) -> None:
    assert load({"HYGIEIA_QUOTA_BYTES": text}).quota_bytes == size_bytes


def test_lists_are_separated_by_commas_and_slashes_at_the_end_do_not_matter() -> None:
    settings = load({"HYGIEIA_GATEWAYS": "https://a.example/, http://127.0.0.1:8080"})
    assert settings.gateways == ("https://a.example", "http://127.0.0.1:8080")


class TestPlainHttp:
    def test_is_refused_where_other_machines_could_reach_it(self) -> None:
        with pytest.raises(ConfigError, match="plain HTTP") as caught:
            load({"HYGIEIA_HOST": "0.0.0.0"})  # noqa: S104  (a name to judge, not bound to)
        assert "HYGIEIA_TLS_CERT" in (caught.value.hint or "")

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "::1"])
    def test_is_spoken_on_loopback(self, host: str) -> None:
        assert is_loopback(host)
        assert load({"HYGIEIA_HOST": host}).host == host

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "vault.example"])  # noqa: S104  (a name to judge, not bound to)
    def test_elsewhere_is_not_loopback(self, host: str) -> None:
        assert not is_loopback(host)

    @pytest.mark.parametrize(
        "consent", [{"HYGIEIA_PLAIN_HTTP": "anywhere"}, {"HYGIEIA_TRUSTED_PROXIES": "10.0.0.0/8"}]
    )
    def test_may_be_asked_for(self, consent: dict[str, str]) -> None:
        assert load({"HYGIEIA_HOST": "192.0.2.1", **consent}).host == "192.0.2.1"


class TestTls:
    def test_needs_both_files(self, tmp_path: Path) -> None:
        cert = tmp_path / "cert.pem"
        cert.touch()
        with pytest.raises(ConfigError, match="belong together"):
            load({"HYGIEIA_TLS_CERT": str(cert)})

    def test_needs_files_that_are_there(self, tmp_path: Path) -> None:
        names = {f"HYGIEIA_TLS_{n}": str(tmp_path / n) for n in ("CERT", "KEY")}
        with pytest.raises(ConfigError, match="HYGIEIA_TLS_CERT names no file"):
            load(names)

    def test_lets_the_server_listen_anywhere(self, tmp_path: Path) -> None:
        for name in ("CERT", "KEY"):
            (tmp_path / name).touch()
        names = {f"HYGIEIA_TLS_{n}": str(tmp_path / n) for n in ("CERT", "KEY")}
        settings = load({"HYGIEIA_HOST": "0.0.0.0", **names})  # noqa: S104  (a name to judge, not bound to)
        assert settings.tls
        assert not Settings().tls


class TestCopies:
    """HYGIEIA_CLUSTER and what belongs to it."""

    KUBO: ClassVar = {"HYGIEIA_BLOCKS": "kubo+http://kubo"}

    def test_addresses_are_taken_by_comma_and_never_shown(self) -> None:
        given = {"HYGIEIA_CLUSTER": " http://vault:hunter2@one , http://two "}
        settings = load(self.KUBO | given)
        assert settings.cluster == "http://vault:hunter2@one,http://two"
        assert "hunter2" not in repr(settings)

    def test_a_kubos_gateway_needs_a_kubo(self) -> None:
        with pytest.raises(ConfigError, match="HYGIEIA_KUBO_GATEWAY"):
            load({"HYGIEIA_KUBO_GATEWAY": "http://kubo:8080"})

    def test_a_cluster_needs_a_kubo(self) -> None:
        with pytest.raises(ConfigError, match="HYGIEIA_CLUSTER needs a Kubo"):
            load({"HYGIEIA_CLUSTER": "http://vault:hunter2@one"})

    @pytest.mark.parametrize(("text", "is_"), [("2", (2, 2)), ("2 - 3", (2, 3)), ("", None)])
    def test_the_number_of_copies_is_one_or_a_range(
        self, text: str, is_: tuple[int, int] | None
    ) -> None:
        given = {"HYGIEIA_CLUSTER": "http://one", "HYGIEIA_CLUSTER_REPLICATION": text}
        assert load(self.KUBO | given).cluster_replication == is_

    @pytest.mark.parametrize("text", ["0", "3-2", "many", "-1", "2-", "1-100"])
    def test_no_other_number_is_understood(self, text: str) -> None:
        given = {"HYGIEIA_CLUSTER": "http://one", "HYGIEIA_CLUSTER_REPLICATION": text}
        with pytest.raises(ConfigError, match="must be a number of peers"):
            load(self.KUBO | given)

    def test_a_number_of_copies_without_a_cluster_is_a_mistake(self) -> None:
        with pytest.raises(ConfigError, match="without HYGIEIA_CLUSTER"):
            load(self.KUBO | {"HYGIEIA_CLUSTER_REPLICATION": "2"})

    def test_nodes_with_copies_are_gateways_or_kubos(self) -> None:
        text = "https://gateway.example,kubo+http://token@kubo"
        assert load({"HYGIEIA_COPY_NODES": text}).copy_nodes == text
        with pytest.raises(ConfigError, match="HYGIEIA_COPY_NODES must start with"):
            load({"HYGIEIA_COPY_NODES": "gateway.example"})


class TestASecretInAFile:
    ADDRESS = "mongodb://hygieia:hunter2@db/hygieia"

    def test_is_read_without_the_line_end(self, tmp_path: Path) -> None:
        (tmp_path / "documents").write_text(f"{self.ADDRESS}\n")
        given = {"HYGIEIA_DOCUMENTS": f"@{tmp_path / 'documents'}"}
        assert load(given).documents == self.ADDRESS

    @pytest.mark.parametrize("name", ["HYGIEIA_DOCUMENTS", "HYGIEIA_BLOCKS"])
    def test_must_be_there(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=f"The file that {name} names cannot be read: No"):
            load({name: f"@{tmp_path / 'absent'}"})

    def test_must_be_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
            load({"HYGIEIA_BLOCKS": f"@{tmp_path}"})

    @pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff"], ids=["no", "blank", "binary"])
    def test_must_hold_something(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "blocks").write_bytes(content)
        with pytest.raises(ConfigError, match="holds no setting"):
            load({"HYGIEIA_BLOCKS": f"@{tmp_path / 'blocks'}"})

    def test_is_not_repeated_when_it_is_wrong(self, tmp_path: Path) -> None:
        (tmp_path / "documents").write_text("hunter2")
        with pytest.raises(ConfigError, match="HYGIEIA_DOCUMENTS must start with") as caught:
            load({"HYGIEIA_DOCUMENTS": f"@{tmp_path / 'documents'}"})
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"

    def test_is_for_secrets_alone(self, tmp_path: Path) -> None:
        (tmp_path / "port").write_text("8000")
        with pytest.raises(ConfigError, match="HYGIEIA_PORT must be a whole number"):
            load({"HYGIEIA_PORT": f"@{tmp_path / 'port'}"})


# -- the client's own ---------------------------------------------------------------------------


def test_a_client_with_nothing_set_uses_the_desktops_folder() -> None:
    settings = client_settings({})
    assert settings.home == Path.home() / ".config" / "hygieia"
    assert (settings.server, settings.profile, settings.password_file) == (None, "default", None)
    assert settings.color


def test_a_clients_folder_is_the_named_one_then_the_desktops() -> None:
    assert client_settings({"XDG_CONFIG_HOME": "/c"}).home == Path("/c/hygieia")
    both = {"HYGIEIA_HOME": "/x", "XDG_CONFIG_HOME": "/c"}
    assert client_settings(both).home == Path("/x")


def test_an_empty_setting_of_the_client_counts_as_not_set() -> None:
    empty = dict.fromkeys([*CLIENT_SETTINGS, "NO_COLOR", "XDG_CONFIG_HOME"], "")
    assert client_settings(empty) == client_settings({})


def test_no_color_is_respected_whatever_it_says() -> None:
    assert not client_settings({"NO_COLOR": "0"}).color
