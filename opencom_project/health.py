"""`python -m opencom_project.health web`: exits 0 when that server of this container answers; for a container's health check."""

import os
import sys
import urllib.error
import urllib.request

from . import processes

PORTS = {"web": processes.web_port, "live": processes.live_port}
PATHS = {"web": "/healthz", "live": "/live/healthz"}


def main(name: str) -> int:
    """Return 0 when the server answers that it is well."""
    address = f"http://127.0.0.1:{PORTS[name](os.environ)}{PATHS[name]}"
    request = urllib.request.Request(address, headers=_proxy_headers())
    try:
        with urllib.request.urlopen(request, timeout=4):
            return 0
    except (urllib.error.URLError, OSError) as error:
        print(f"{name} does not answer: {error}", file=sys.stderr)
        return 1


def _proxy_headers() -> dict[str, str]:
    """Ask as the proxy does, so that neither the host check nor the redirect to HTTPS answers instead."""
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    return {"Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
