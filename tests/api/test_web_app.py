"""How the web app's bundle is served: from package data, by policies of its own, without Node."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hygieia.server import site, web_app
from hygieia.server.web_app import load_bundle
from tests.factories.servers import Api, running_api, settings_in

SCRIPT = b"export {};\n"
WORKERS = tuple(
    f"worker-{name}-abc.js" for name in ("main", "courier-worker", "digest-worker", "hash-worker")
)
PDF = "pdf.worker.min-abc.mjs"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose bundle is ours to write."""
    monkeypatch.setattr(web_app, "files", lambda _name: tmp_path)
    return tmp_path


@pytest.fixture
async def built(package: Path, tmp_path: Path) -> AsyncIterator[Api]:
    """A server with a small bundle."""
    assets = package / "web_dist" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text("<!doctype html><title>Hygieia</title>")
    (assets.parent / "service-worker.js").write_bytes(SCRIPT)
    (assets / "index-abc.js").write_bytes(SCRIPT)
    (assets / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    for name in (*WORKERS, PDF):
        (assets / name).write_bytes(SCRIPT)
    settings = settings_in(tmp_path / "data", gateways=("https://gateway.example/",))
    async with running_api(settings) as api:
        yield api


async def test_every_address_inside_the_app_is_the_app(built: Api) -> None:
    for path in ("/", "/reports", "/reports/0123", "/sign-in"):
        page = await built.call("GET", path, headers={"Accept": "text/html,*/*"})
        assert page.status == 200
        assert b"<title>Hygieia</title>" in page.body
        assert page.headers["Cache-Control"] == "no-cache"


async def test_what_is_not_the_apps_stays_unknown(built: Api) -> None:
    for path in ("/api/v1/nothing", "/assets/nothing.js", "/assets/..%2findex.html"):
        page = await built.call("GET", path, headers={"Accept": "text/html"})
        assert page.status == 404, path
    assert (await built.call("GET", "/reports")).status == 404, "a program asked, and no browser"


async def test_the_page_runs_no_script_but_its_own_and_speaks_to_nobody_else(built: Api) -> None:
    rules = await _rules(built, "/")
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == rules["style-src"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in " ".join(rules.values())


async def test_only_the_engines_worker_may_reach_gateways(built: Api) -> None:
    engine = await _rules(built, "/assets/worker-main-abc.js")
    assert engine["connect-src"].startswith("'self' https: http://localhost:* ")
    assert engine["connect-src"].endswith("https://gateway.example")
    for path in (
        "/assets/index-abc.js",
        "/service-worker.js",
        "/assets/worker-courier-worker-abc.js",
    ):
        assert (await _rules(built, path))["connect-src"] == "'self'"


@pytest.mark.parametrize("name", ["worker-digest-worker-abc.js", "worker-hash-worker-abc.js", PDF])
async def test_a_worker_that_computes_reaches_nothing(built: Api, name: str) -> None:
    rules = await _rules(built, f"/assets/{name}")
    assert rules["default-src"] == rules["connect-src"] == "'none'"


async def test_only_what_compiles_a_program_of_ours_may_do_so(built: Api) -> None:
    compiling = {"worker-main-abc.js", "worker-digest-worker-abc.js", PDF}
    for name in (*WORKERS, PDF, "index-abc.js"):
        rules = await _rules(built, f"/assets/{name}")
        assert ("'wasm-unsafe-eval'" in rules.get("script-src", "")) == (name in compiling), name


@pytest.mark.parametrize("name", [*WORKERS, PDF])
async def test_no_worker_starts_a_script_but_by_its_own_names(built: Api, name: str) -> None:
    rules = await _rules(built, f"/assets/{name}")
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["trusted-types"] == (
        "hygieia-worker" if name.startswith("worker-main") else "'none'"
    )
    assert rules.get("script-src", "'self'").startswith("'self'")


async def _rules(api: Api, path: str) -> dict[str, str]:
    policy = (await api.call("GET", path)).headers["Content-Security-Policy"]
    return dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))


async def test_assets_are_kept_for_good_and_the_service_worker_is_not(built: Api) -> None:
    asset = await built.call("GET", "/assets/index-abc.js")
    assert "immutable" in asset.headers["Cache-Control"]
    assert asset.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert (await built.call("GET", "/service-worker.js")).headers["Cache-Control"] == "no-cache"


async def test_a_file_goes_out_compressed_to_who_takes_it_so(built: Api) -> None:
    path = "/assets/index-abc.js"
    plain = await built.call("GET", path, headers={"Accept-Encoding": "identity"})
    packed = await built.call("GET", path, headers={"Accept-Encoding": "gzip"})
    assert plain.body == packed.body == SCRIPT
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Vary"] == "Accept-Encoding"


async def test_without_a_bundle_a_plain_page_says_what_this_is(
    package: Path, tmp_path: Path
) -> None:
    assert load_bundle() == {}
    async with running_api(settings_in(tmp_path / "data")) as api:
        page = await api.call("GET", "/")
        assert "vault for health records" in page.body.decode()
        assert page.headers["Content-Security-Policy"] == site.PAGE_POLICY
        assert (await api.call("GET", "/reports")).status == 404
