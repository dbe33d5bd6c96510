"""Where the command begins: until it has loaded what it needs, Ctrl-C ends it without a trace.

It imports only what Python has loaded already, not even ``__future__``: each file that is looked for
is a moment in which it could not yet answer. What Python does before it comes here answers Ctrl-C in
Python's own way.
"""

import os
import sys

from hygieia.cli import INTERRUPTED, INTERRUPTED_WORDS

TYPE_CHECKING = False  # typing takes longer to import than all of this
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Load the command and run it. The console script's entry point."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else: nohup, or `&`
            signal.signal(signal.SIGINT, _end)
    except KeyboardInterrupt:
        _end()
    from hygieia.cli.main import main as run

    run()


def _end(*_signal: object) -> "NoReturn":
    """Nothing is open or begun yet: say so as the command would, and be gone."""
    if "--json" in sys.argv:
        error = f'{{"code":"interrupted","message":"{INTERRUPTED_WORDS}","hint":null}}'
        os.write(1, f'{{"error":{error}}}\n'.encode())
    else:
        os.write(2, f"hygieia: {INTERRUPTED_WORDS}\n".encode())
    os._exit(INTERRUPTED)
