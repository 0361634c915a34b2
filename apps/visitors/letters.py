"""The mails to visitors, in words."""

from __future__ import annotations

from apps.core.mail.letter import Letter


def email_code(code: str, workspace: str) -> Letter:
    """The code that proves an address. Nothing that a visitor wrote is in it."""
    name = " ".join(workspace.split())[:80]
    return Letter(
        subject=f"Your code for {name}",
        heading="Prove that this address is yours",
        paragraphs=(f"Enter this code in the messenger of {name}. It works once, for 10 minutes.",),
        code=code,
        footnote="If you didn't ask for this, ignore it: somebody typed your address, and nothing happens. Tell this code to no one.",
    )
