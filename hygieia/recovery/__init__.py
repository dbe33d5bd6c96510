"""A vault from its kit and any gateway: files, and never the server (docs/spec/14-recovery-kit.md).

``recover`` restores everything or lists it, ``prove`` shows on the spot that a kit opens.
"""

from __future__ import annotations

from hygieia.recovery.entrance import Proof, prove, recover
from hygieia.recovery.recover import Code, Password, Secret, recover_from
from hygieia.recovery.result import (
    Missing,
    NotOpened,
    Progress,
    ProgressCallback,
    RecoveryResult,
    Restored,
    Stage,
)

__all__ = [
    "Code",
    "Missing",
    "NotOpened",
    "Password",
    "Progress",
    "ProgressCallback",
    "Proof",
    "RecoveryResult",
    "Restored",
    "Secret",
    "Stage",
    "prove",
    "recover",
    "recover_from",
]
