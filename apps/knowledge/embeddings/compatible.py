"""Embeddings of any server that speaks OpenAI's protocol, such as one's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from apps.core import limits
from apps.core.outbound import FetchFailed, Refused, safe_fetch
from apps.knowledge.embeddings.family import Access, Provider, Rejected, Unavailable, checked, providers

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors

TEMPORARY = {408, 409, 425, 429}


class Compatible(Provider):
    """The address is what stands before ``/embeddings``."""

    label = "A server that speaks OpenAI's protocol"
    takes_key = needs_url = True
    batch = 16

    def passages(self, access: Access, texts: Sequence[str]) -> Vectors:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {access.key}"} if access.key else {}
        )
        body = json.dumps({"model": access.model, "input": list(texts), "encoding_format": "float"}).encode()
        try:
            answer = safe_fetch(
                f"{access.url.rstrip('/')}/embeddings",
                method="POST",
                headers=headers,
                body=body,
                most=limits.EMBEDDINGS_BYTES,
            )
        except Refused as error:
            raise Rejected(str(error)) from error
        except FetchFailed as error:
            raise Unavailable("The server doesn't answer.") from error
        if answer.status != 200:
            if answer.status in TEMPORARY or answer.status >= 500:
                raise Unavailable(f"The server answers {answer.status}.")
            raise Rejected(f"The server answers {answer.status}: look at its address, key and model.")
        return checked(_rows(answer.body), len(texts))

    def query(self, access: Access, text: str, english: float) -> Vectors:
        return self.passages(access, [text])


def _rows(body: bytes) -> list[list[float]]:
    try:
        data = json.loads(body)["data"]
        return [row["embedding"] for row in sorted(data, key=lambda row: row["index"])]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise Unavailable("The server's answer can't be read.") from None


providers.register("compatible", Compatible())
