"""OpenAI's embeddings, by its SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings

from apps.core import limits
from apps.knowledge.embeddings.family import Access, Provider, Rejected, Unavailable, checked, providers

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors


class OpenAI(Provider):
    """The workspace's own key pays for it."""

    label = "OpenAI"
    models: ClassVar[tuple[str, ...]] = ("text-embedding-3-small", "text-embedding-3-large")
    needs_key = takes_key = True
    batch = 64

    def passages(self, access: Access, texts: Sequence[str]) -> Vectors:
        return self._embedded(access, texts, limits.EMBEDDING_SECONDS, retries=2)

    def query(self, access: Access, text: str, english: float) -> Vectors:
        return self._embedded(access, [text], limits.QUERY_EMBEDDING_SECONDS, retries=0)

    def _embedded(self, access: Access, texts: Sequence[str], seconds: float, retries: int) -> Vectors:
        # The SDK takes half a second and tens of megabytes to load: only who uses it pays.
        import openai

        client = openai.OpenAI(api_key=access.key, base_url=settings.OPENAI_URL, timeout=seconds, max_retries=retries)
        try:
            with client:
                answer = client.embeddings.create(model=access.model, input=list(texts), encoding_format="float")
            rows = [row.embedding for row in sorted(answer.data, key=lambda row: row.index)]
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise Rejected("OpenAI refuses the key.") from error
        except (openai.NotFoundError, openai.BadRequestError) as error:
            raise Rejected("OpenAI refuses the model or the text.") from error
        except openai.OpenAIError as error:
            raise Unavailable(f"OpenAI: {type(error).__name__}") from error
        # What isn't as the SDK expects it fails within the SDK, or here where it is read.
        except (AttributeError, TypeError, ValueError) as error:
            raise Unavailable("OpenAI's answer can't be read.") from error
        return checked(rows, len(texts))


providers.register("openai", OpenAI())
