"""Handing a letter to whoever carries it. Called by effects' handlers only, so that it is tried again and never forgotten."""

from __future__ import annotations

import smtplib

from django.core.mail import mailers

from apps.core.effects import Hopeless, Postponed
from apps.core.mail.letter import Letter, Mail


class Refused(Exception):
    """The carrier will never take this mail. The reason names neither people nor content."""


class Delayed(Exception):
    """The carrier can't take this mail now."""


def deliver(letter: Letter, *, to: str, key: str) -> None:
    """Send a letter to one address.

    Raises Hopeless where it can never be sent, and Postponed where it may be later; what either says is fit for a log: no address, no
    content. ``key`` must be the same at every try; carriers that know such keys send one mail for it.
    """
    try:
        mailers.default.send_messages([Mail(letter, to=to, key=key)])
    except Refused as error:
        raise Hopeless(str(error)) from None
    except Delayed as error:
        raise Postponed(str(error)) from None
    except smtplib.SMTPException as error:
        if (code := _final(error)) is not None:
            raise Hopeless(f"SMTP {code}") from None
        raise Postponed(f"SMTP {type(error).__name__}") from None
    except OSError as error:
        raise Postponed(type(error).__name__) from None


def _final(error: smtplib.SMTPException) -> int | None:
    """Return the code of an answer that won't change: a 5xx about this mail. Wrong credentials are the operator's to mend, and wait."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _said in error.recipients.values()]
        case smtplib.SMTPAuthenticationError():
            return None
        case smtplib.SMTPResponseException():
            codes = [error.smtp_code]
        case _:
            return None
    return max(codes) if codes and min(codes) >= 500 else None
