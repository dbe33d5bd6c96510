"""What a server over Kubo imports, which stays in its memory as long as it runs."""

from __future__ import annotations

import subprocess
import sys

OF_SETUPTOOLS = """
import sys
import hygieia.blocks.kubo.rpc
print(sorted({name.partition(".")[0] for name in sys.modules} & {"setuptools", "packaging"}))
import distutils.version
print(distutils.version.StrictVersion("1.2.3") > distutils.version.StrictVersion("1.2"))
"""


def test_setuptools_is_not_imported_for_a_class_of_distutils_and_can_be_afterwards() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OF_SETUPTOOLS],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["[]", "True"]
