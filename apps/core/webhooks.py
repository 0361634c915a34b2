"""Webhooks that a provider sends us, signed as Svix signs them (the Standard Webhooks scheme).

A provider's view subclasses ``WebhookReceiver``: it names itself, knows its secrets and says what a message means. Everything before that is here:
who isn't the provider is refused whatever they send, and a message that comes twice has its effect once.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django.db import connection, transaction
from django.db.models.functions import Now
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits, parsing
from apps.core.access import allow
from apps.core.api import APIView
from apps.core.errors import TooLarge
from apps.core.models import WebhookReceipt

logger = logging.getLogger(__name__)

HEADERS = ("svix-id", "svix-timestamp", "svix-signature", "webhook-id", "webhook-timestamp", "webhook-signature")
ID_CHARACTERS = 200
KEPT = timedelta(days=1)
"""How long an id is remembered: far longer than a signature's five minutes, so that a provider's own retries are known too."""


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message that the provider signed."""

    id: str
    data: Mapping[str, Any]


class NotSigned(exceptions.AuthenticationFailed):
    """Nothing here proves that the provider sent it. One answer for every reason."""

    default_code = "not_signed"
    default_detail = "The signature isn't the provider's."


class Unconfigured(exceptions.APIException):
    """There is no secret to check a signature with, so nobody is believed."""

    status_code = 503
    default_code = "unconfigured"
    default_detail = "This receiver has no secret."


class WebhookReceiver(APIView):
    """Takes a provider's messages: signed, recent, within the limits, and each once."""

    authentication_classes = []
    receiver: ClassVar[str]
    """What tells this provider's messages from another's; never changes."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """Return the secrets (``whsec_…``) that are valid now: two while one replaces the other."""

    @abstractmethod
    def received(self, message: WebhookMessage) -> None:
        """Do what the message says, inside the transaction that remembers it. What names nothing we know is ignored in silence."""

    @extend_schema(exclude=True)
    @allow(public=True)
    def post(self, request: Request, **_: Any) -> Response:
        """Take a message. A replay gets the answer of the first."""
        limits.spend(limits.WEBHOOKS, self.receiver)
        message = self._signed(request)
        with transaction.atomic():
            if self._is_new(message):
                self.received(message)
        return Response({"received": True})

    def _signed(self, request: Request) -> WebhookMessage:
        body = self._body(request)
        headers = {name: request.headers.get(name, "") for name in HEADERS if name in request.headers}
        secrets = self.secrets()
        if not secrets:
            logger.error("the webhook receiver %s has no secret", self.receiver)
            raise Unconfigured
        id_ = headers.get("svix-id") or headers.get("webhook-id", "")
        if not 0 < len(id_) <= ID_CHARACTERS or not any(_is_signed(body, headers, secret) for secret in secrets):
            raise NotSigned
        data = parsing.strictly(body)
        return WebhookMessage(id_, data if isinstance(data, dict) else {"data": data})

    def _body(self, request: Request) -> bytes:
        """Return the body as it was sent: the signature is of these bytes. Raises TooLarge without reading what is announced to be."""
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise exceptions.UnsupportedMediaType(request.content_type)
        announced = request.META.get("CONTENT_LENGTH") or "0"
        if not announced.isdecimal() or int(announced) > limits.WEBHOOK_BYTES:
            raise TooLarge
        body: bytes = request._request.read(limits.WEBHOOK_BYTES + 1)
        if len(body) > limits.WEBHOOK_BYTES:
            raise TooLarge
        return body

    def _is_new(self, message: WebhookMessage) -> bool:
        # A second one that comes meanwhile waits here for the first one's end.
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_webhookreceipt (receiver, message_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [self.receiver, message.id],
            )
            return bool(cursor.rowcount)


def _is_signed(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    # Takes a second to import, and most processes never get a webhook.
    from svix.webhooks import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(body, dict(headers))
    except (WebhookVerificationError, ValueError, OverflowError):
        # Headers that can't be read and text that isn't text are as good as no signature.
        return False
    return True


def forget_receipts() -> int:
    """Forget the messages that nobody sends again. Runs by the clock. Returns how many."""
    deleted, _ = WebhookReceipt.objects.filter(received_at__lt=Now() - KEPT).delete()
    return deleted
