"""The lines of move-a-vault.md as they stand, on a real MongoDB's protocol and a real Kubo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.guide import marked, shell
from tests.kubo import KuboServer
from tests.mongodb import MongoDb
from tests.running import Person, running_server
from tests.storing import comes_back, put

pytestmark = pytest.mark.servers

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "move-a-vault.md"
PASSWORD = "violet harbour quartz 52 lantern"


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with a vault in ``data``, beside it the files with the new stores' addresses."""

    folder: Path
    ana: Person
    stored: dict[str, str]
    documents: str
    blocks: str

    def run(self, mark: str) -> None:
        """The guide's lines, in the folder."""
        shell(marked(GUIDE, mark), self.folder)

    def is_whole(self, data: str = "data", **settings: str) -> bool:
        """Whether a server with these settings gives everything back and takes more."""
        port = urlsplit(self.ana.server).port
        with running_server(self.folder / data, port, **settings):
            back = {name: comes_back(self.ana, self.folder, name) for name in self.stored}
            same = back == self.stored
            self.stored.update([put(self.ana, self.folder, len(self.stored))])
        return same


@pytest.fixture
def home(mongodb: MongoDb, kubo: KuboServer, tmp_path: Path) -> Iterator[Home]:
    kubo.empty()
    with mongodb.databases() as database:
        documents = database("vault")
        (tmp_path / "mongodb-address").write_text(documents)
        (tmp_path / "kubo-address").write_text(kubo.address)
        with running_server(tmp_path / "data") as server:
            ana = server.person(tmp_path / "ana", PASSWORD)
            ana.run("signup", "ana@example.org", "--kit", str(tmp_path / "kit"))
            stored = dict(put(ana, tmp_path, number) for number in range(2))
        yield Home(tmp_path, ana, stored, documents, kubo.address)


@pytest.mark.slow
def test_documents_move_to_mongodb(home: Home) -> None:
    home.run("documents")
    assert home.is_whole(documents=home.documents)


@pytest.mark.slow
def test_blocks_move_to_kubo(home: Home) -> None:
    home.run("blocks")
    assert home.is_whole(blocks=home.blocks)


@pytest.mark.slow
def test_both_move_and_come_back_into_a_new_folder(home: Home) -> None:
    home.run("both")
    assert home.is_whole(documents=home.documents, blocks=home.blocks)
    home.run("back")
    assert home.is_whole("new")
