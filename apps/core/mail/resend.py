"""A mailer that sends through Resend's API, by its SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from apps.core.mail.delivery import Delayed, Refused
from apps.core.mail.letter import Mail

BUSY = {"concurrent_idempotent_requests"}
"""A refusal by name that is over in a moment: another worker is sending this very mail."""


class ResendMailer(BaseEmailBackend):
    """Sends each mail with its key as the idempotency key, so that a mail which is tried again is sent once."""

    def __init__(self, *, api_key: str, api_url: str = "", timeout: int = 10, **options: Any) -> None:
        super().__init__(**options)
        self.api_key = api_key
        self.api_url = api_url
        self.timeout = timeout

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send them one by one. Raises Refused and Delayed."""
        for message in email_messages:
            self._send(message)
        return len(email_messages)

    def _send(self, message: EmailMessage) -> None:
        # The SDK takes half a second to import; only a worker that sends mail needs it.
        import resend
        from resend.exceptions import ResendError
        from resend.http_client_requests import RequestsClient

        resend.api_key = self.api_key
        resend.default_http_client = RequestsClient(timeout=self.timeout)
        if self.api_url:
            resend.api_url = self.api_url
        assert isinstance(message, Mail)
        parameters: resend.Emails.SendParams = {
            "from": message.from_email,
            "to": message.to,
            "subject": str(message.subject),
            "text": str(message.body),
            "html": message.html,
            "headers": message.extra_headers,
        }
        try:
            resend.Emails.send(parameters, {"idempotency_key": message.key})
        except ResendError as error:
            status, name = int(error.code), error.error_type
            # What the SDK says of the failure may hold the address; its number and name don't.
            reason = f"Resend {status} {name}"
            if 400 <= status < 500 and status not in (408, 429) and name not in BUSY:
                raise Refused(reason) from None
            raise Delayed(reason) from None
