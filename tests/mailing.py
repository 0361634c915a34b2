"""Mail as tests read it: what is owed is paid, and what then lies in the outbox."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.core import mail
from django.core.mail import EmailMessage

from apps.core import effects
from apps.core.models import Effect


def pay_all() -> None:
    """Pay whatever is owed now, as a worker does."""
    for id_, _lane in effects.due():
        effects.pay(id_)


def mails_to(address: str) -> list[EmailMessage]:
    """Pay what is owed; return what has been mailed to an address, in its order."""
    pay_all()
    return [message for message in mail.outbox if message.to == [address]]


def code_for(address: str) -> str:
    """Return the last code that was mailed to an address."""
    return _last(r"^ +(\d{6})$", address)


def link_for(address: str) -> str:
    """Return the path of the last link that was mailed to an address."""
    return urlsplit(_last(r"^(https?://\S+/(?:reset|invitations)/\S+)$", address)).path


def _last(pattern: str, address: str) -> str:
    found = [re.search(pattern, str(message.body), re.MULTILINE) for message in mails_to(address)]
    return [match.group(1) for match in found if match][-1]


def owed(kind: str) -> int:
    """Return how many effects of a kind are there, paid or not."""
    return Effect.objects.filter(kind=kind).count()
