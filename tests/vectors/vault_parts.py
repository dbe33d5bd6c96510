"""What the vault's vectors share: keys that stand in the file, and the blocks that are needed."""

from __future__ import annotations

from hygieia.errors import HygieiaError
from hygieia.ipld.block import Block
from hygieia.ipld.cid import CID
from hygieia.openpgp.keys import UnlockedKey
from hygieia.openpgp.locked_keys import lock
from tests.unit.vault.factories import Blocks

PASSPHRASE = "of a vector"
_LOW_COUNT = 0x60  # coded: 65,536 octets (RFC 9580 §3.7.1.3)


def key_parts(key: UnlockedKey) -> dict[str, str]:
    """A key for whoever reads the vector: bare secrets, and locked for an OpenPGP program."""
    signing, decryption = key.secrets()
    return {
        "certificate": key.certificate.armored,
        "signing_secret": signing.hex(),
        "decryption_secret": decryption.hex(),
        "locked": lock(key, PASSPHRASE, count=_LOW_COUNT),
        "passphrase": PASSPHRASE,
    }


class Recorder(Blocks):
    """Remembers which blocks a reader asked for, so that a vector holds no others."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__(blocks.blocks)
        self.used: dict[CID, Block] = {}

    def get(self, cid: CID) -> Block:
        block = super().get(cid)
        self.used[cid] = block
        return block

    def dump(self) -> dict[str, str]:
        return {str(cid): block.data.hex() for cid, block in self.used.items()}


def code_of(error: HygieiaError) -> str:
    return error.code
