"""docker/grafana/hygieia.json asks for figures that a real server and a real Kubo give."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.kubo import KuboServer
from tests.running import running_server

DASHBOARD = json.loads((Path(__file__).parents[2] / "docker/grafana/hygieia.json").read_text())
OURS = "hygieia_"
NAME = re.compile(r"\b((?:hygieia|ipfs|process|go)_\w+)(?:\{([^}]*)\})?")
OF_THE_SCRAPER = {"job", "instance"}
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        yield variable["query"]


def asked(*, of_server: bool) -> dict[str, set[str]]:
    """The figures asked for, each with the labels it is chosen and grouped by."""
    found: dict[str, set[str]] = defaultdict(set)
    for expression in expressions():
        grouped = {
            label.strip()
            for labels in re.findall(r"by \(([^)]*)\)", expression)
            for label in labels.split(",")
        }
        for name, chosen in NAME.findall(expression):
            if name.startswith(OURS) is of_server:
                labels = set(re.findall(r"(\w+)(?:=|!)", chosen)) | grouped
                found[name] |= labels - OF_THE_SCRAPER
    return found


def given(text: str) -> tuple[set[str], dict[str, set[str]]]:
    """The figures that an answer tells of, and the labels of those that have a value."""
    names: set[str] = set()
    labels: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        names |= {family.name + suffix for suffix in SUFFIXES.get(family.type, ("",))}
        for sample in family.samples:
            labels[sample.name] |= set(sample.labels)
    return names, labels


def check(wanted: dict[str, set[str]], text: str) -> None:
    names, labels = given(text)
    assert set(wanted) <= names
    for name, wants in wanted.items():
        if name in labels:
            assert wants <= labels[name], name


def test_it_asks_for_many_figures_of_both() -> None:
    assert len(asked(of_server=True)) > 8
    assert len(asked(of_server=False)) > 12
    assert asked(of_server=True)["hygieia_requests_total"] == {"status"}


def test_a_server_gives_every_figure_of_its_own(tmp_path: Path) -> None:
    text = ""
    with running_server(tmp_path / "data") as server:
        for path in ("/readyz", "/metrics"):
            with urllib.request.urlopen(server.address + path, timeout=10) as answer:
                text = answer.read().decode()
    assert "hygieia_requests_total{" in text
    check(asked(of_server=True), text)


@pytest.mark.servers
def test_a_kubo_gives_every_figure_of_its_own(kubo: KuboServer) -> None:
    kubo.ask("block/stat", arg="bafyaabakaieac")
    urllib.request.urlopen(f"{kubo.node.gateway}/ipfs/bafyaabakaieac?format=raw").close()
    address = f"http://127.0.0.1:{kubo.api_port}/debug/metrics/prometheus"
    with urllib.request.urlopen(address, timeout=10) as answer:
        check(asked(of_server=False), answer.read().decode())


def test_every_panel_has_a_place_of_its_own_and_a_title() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(panel["title"] for panel in DASHBOARD["panels"])
