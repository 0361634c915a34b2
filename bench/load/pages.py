"""Agents who ask for pages of the API, one after the other."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

from bench.remote import serve_async
from bench.wire import Broken, Http, request


class Pages:
    """One agent's browser, signed in as several in turn so that none of them asks faster than a person may."""

    async def get(self, port: int, path: str, cookies: Sequence[str], count: int) -> list[float]:
        """Ask so many times and return the ms each took."""
        connection = await Http.open(port)
        requests = itertools.cycle([request("GET", path, {"Cookie": f"session={cookie}"}) for cookie in cookies])
        taken = []
        for asked in itertools.islice(requests, count):
            started = time.perf_counter()
            status, answer = await connection.request(asked)
            taken.append((time.perf_counter() - started) * 1000)
            if status != 200:
                raise Broken(f"{path} was answered with {status}: {answer[:200].decode()}")
        connection.close()
        return taken


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve_async(Pages()))
