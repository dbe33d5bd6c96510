"""Ends with 0 when the server in this container takes requests, with 1 when it does not.

The image's health check. It asks the server itself, so the certificate needs no look.
"""

import os
import ssl
import sys
import urllib.error
import urllib.request

SECONDS = 5  # /readyz itself gives its stores two


def main() -> int:
    """Ask, and say what was answered."""
    port = os.environ.get("HYGIEIA_PORT") or "8460"
    scheme = "https" if os.environ.get("HYGIEIA_TLS_CERT") else "http"
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = f"{scheme}://127.0.0.1:{port}/readyz"
    try:
        with urllib.request.urlopen(address, timeout=SECONDS, context=context) as answer:  # noqa: S310  (the scheme stands above)
            said = answer.read(100).decode("utf-8", "replace").strip()
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"not ready: {error.code}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
