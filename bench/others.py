"""Other programs that store a file encrypted: each as its manual begins, on the local disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.machine import run, seconds_of

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Other:
    """A program and how it makes a store, stores a path, and gives it back into a folder."""

    name: str
    make: tuple[str, ...]
    store: tuple[str, ...]
    fetch: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def installed(self) -> bool:
        return shutil.which(self.name) is not None

    def times(self, source: Path, folder: Path) -> tuple[float, float]:
        """Seconds to store ``source`` in a new store, and to get it back."""
        store, back = folder / f"{self.name}-store", folder / f"{self.name}-back"
        places = {"SOURCE": str(source), "STORE": str(store), "BACK": str(back)}
        environment = {
            name: value.replace("STORE", str(store)).replace("HOME", str(folder / self.name))
            for name, value in self.environment.items()
        }
        back.mkdir()

        def call(words: tuple[str, ...]) -> None:
            filled = [word.format(**places) for word in words]
            run([self.name, *filled], environment)

        call(self.make)
        stored = seconds_of(lambda: call(self.store))
        if self.name == "borg":
            # borg extracts into the working folder.
            borg = ["env", f"--chdir={back}", "borg", *(w.format(**places) for w in self.fetch)]
            fetched = seconds_of(lambda: run(borg, environment))
        else:
            fetched = seconds_of(lambda: call(self.fetch))
        shutil.rmtree(store)
        shutil.rmtree(back)
        return stored, fetched


def known_others() -> list[Other]:
    obscured = run(["rclone", "obscure", PASSWORD]).decode().strip() if _has_rclone() else ""
    return [
        Other(
            "restic",
            ("init", "--quiet"),
            ("backup", "--quiet", "--no-cache", "{SOURCE}"),
            ("restore", "latest", "--quiet", "--no-cache", "--target", "{BACK}"),
            {"RESTIC_REPOSITORY": "STORE", "RESTIC_PASSWORD": PASSWORD},
        ),
        Other(
            "borg",
            ("init", "--encryption=repokey-blake2", "{STORE}"),
            ("create", "{STORE}::one", "{SOURCE}"),
            ("extract", "{STORE}::one"),
            {"BORG_PASSPHRASE": PASSWORD, "BORG_BASE_DIR": "HOME"},
        ),
        Other(
            "rclone",
            ("mkdir", "bench:"),
            ("copy", "{SOURCE}", "bench:"),
            ("copy", "bench:", "{BACK}"),
            {
                "RCLONE_CONFIG": "",
                "RCLONE_CONFIG_BENCH_TYPE": "crypt",
                "RCLONE_CONFIG_BENCH_REMOTE": "STORE",
                "RCLONE_CONFIG_BENCH_PASSWORD": obscured,
            },
        ),
    ]


def _has_rclone() -> bool:
    return shutil.which("rclone") is not None
