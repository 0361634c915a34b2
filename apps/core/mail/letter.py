"""What a mail says, and how it looks: one design for every mail, as HTML and as text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

LIGHT = {
    "page": "#f4f5f8",
    "card": "#ffffff",
    "line": "#e2e4ea",
    "text": "#1e212b",
    "muted": "#5c6170",
    "accent": "#4257c4",
    "accent_text": "#ffffff",
    "sunken": "#f4f5f8",
}
DARK = {
    "page": "#14161c",
    "card": "#1e2029",
    "line": "#333644",
    "text": "#e9eaf0",
    "muted": "#a7abba",
    "accent": "#97a6f5",
    "accent_text": "#15182a",
    "sunken": "#14161c",
}
"""The dashboard's colours by role, as mail programs understand them. What knows no dark mode shows the light ones, which are written inline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail to one person. ``code`` is shown large; ``action`` is a button's words with its address."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    code: str = ""
    action: tuple[str, str] | None = None
    footnote: str = ""


class Mail(EmailMultiAlternatives):
    """A letter on its way. ``key`` is the same at every try to send it, so that whoever takes it can tell."""

    def __init__(self, letter: Letter, *, to: str, key: str) -> None:
        shown = {"letter": letter, "light": LIGHT, "dark": DARK, "home": settings.PUBLIC_URL}
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        domain = parseaddr(settings.MAIL_FROM)[1].rpartition("@")[2] or "localhost"
        super().__init__(
            subject=letter.subject,
            body=render_to_string("mail/letter.txt", shown).strip() + "\n",
            from_email=settings.MAIL_FROM,
            to=[to],
            # A mail that is sent twice, because nobody could say whether it had left, is one mail to the reader's program.
            headers={"Message-ID": f"<{digest}@{domain}>", "Auto-Submitted": "auto-generated"},
        )
        self.key = digest
        self.html = render_to_string("mail/letter.html", shown)
        self.attach_alternative(self.html, "text/html")
