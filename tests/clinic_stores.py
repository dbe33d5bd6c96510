"""The stores of a clinic's server, for tests that are not Python's: `python -m tests.clinic_stores`.

Starts FerretDB and Kubo from HYGIEIA_TEST_FERRETDB and HYGIEIA_TEST_KUBO, prints one line of JSON,
the settings of a server on them, and ends them when its standard input ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.ferretdb import ferretdb, postgresql
from tests.kubo import kubo_server
from tests.mongodb import MongoDb


def main() -> int:
    """Run until nobody needs the stores any more."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hygieia-stores-")))
        cluster = stack.enter_context(postgresql(Path(os.environ["HYGIEIA_TEST_FERRETDB"])))
        database = stack.enter_context(ferretdb(cluster, folder / "ferretdb"))
        program = Path(os.environ["HYGIEIA_TEST_KUBO"])
        kubo = stack.enter_context(kubo_server(program, folder / "kubo"))
        settings = {
            "HYGIEIA_DOCUMENTS": MongoDb(database.uri()).address("clinic"),
            "HYGIEIA_BLOCKS": kubo.address,
        }
        sys.stdout.write(json.dumps(settings) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
