"""The mails about people's ways in, in words."""

from __future__ import annotations

from apps.core import limits
from apps.core.mail.letter import Letter
from apps.workspaces.models import Invitation, SignInCode

NOT_YOU = "If you didn't ask for this, you can ignore it: nobody gets in without it."

CODES = {
    SignInCode.Purpose.SIGN_IN: ("Your code to sign in to Opencom", "Your code to sign in"),
    SignInCode.Purpose.SIGN_UP: ("Your code to go on with Opencom", "Prove that this address is yours"),
    SignInCode.Purpose.CONFIRM: ("Your code to confirm that it is you", "Confirm that it is you"),
}
"""What the mail with a code is called, by what the code is for."""


def code(code: str, purpose: str) -> Letter:
    """A one-time code."""
    subject, heading = CODES[SignInCode.Purpose(purpose)]
    return Letter(
        subject=subject,
        heading=heading,
        paragraphs=("Enter this code on the page that asked for it. It works once, for 10 minutes.",),
        code=code,
        footnote=f"{NOT_YOU} Tell this code to no one, whoever asks.",
    )


def reset(address: str) -> Letter:
    """A link to a new password."""
    return Letter(
        subject="Set a new password for Opencom",
        heading="Set a new password",
        paragraphs=("Somebody asked for a new password for your account. This link works once, for an hour.",),
        action=("Set a new password", address),
        footnote="If that wasn't you, ignore this mail: your password stays as it is.",
    )


def no_password() -> Letter:
    """The answer to somebody who asks for a new password where none is taken."""
    return Letter(
        subject="Signing in to Opencom",
        heading="You sign in without a password",
        paragraphs=(
            "Somebody asked for a new password for your account. Your workspace takes one-time codes only: enter your "
            "address on the sign-in page and choose “E-mail me a code”.",
        ),
    )


def password_changed(reset_address: str) -> Letter:
    """The news that a password was changed."""
    return Letter(
        subject="Your Opencom password was changed",
        heading="Your password was changed",
        paragraphs=("Everywhere else you were signed in, you have been signed out.",),
        action=("This wasn't me", reset_address),
        footnote="If it was you, there is nothing to do.",
    )


def failures(reset_address: str | None) -> Letter:
    """The news that sign-ins keep failing. Without an address there is no password to change."""
    what_to_do = (
        "Set a new password if yours is short, or used elsewhere too."
        if reset_address
        else "There is no password to guess."
    )
    return Letter(
        subject="Sign-ins to your Opencom account keep failing",
        heading="Somebody can't get in as you",
        paragraphs=(
            f"{limits.FAILURES_TOLD} times or more within a day somebody tried to sign in with your address, and couldn't.",
            f"If that was you, ask for a code by mail instead. If it wasn't, nobody got in. {what_to_do}",
        ),
        action=("Set a new password", reset_address) if reset_address else None,
        footnote="We write this at most once a day. Tell your codes and your password to no one, whoever asks.",
    )


def invitation(invitation: Invitation, address: str) -> Letter:
    """An invitation to a workspace."""
    name = invitation.workspace.name
    who = invitation.invited_by.label if invitation.invited_by else "Somebody"
    return Letter(
        subject=f"{_line(who)} invites you to {_line(name)}",
        heading=f"Join {name} on Opencom",
        paragraphs=(
            f"{who} invites you to answer {name}'s customers with them, as {invitation.get_role_display().lower()}.",
        ),
        action=("Look at the invitation", address),
        footnote=f"It is for {invitation.email} only and ends in 7 days. If you don't know {who}, ignore it: nothing happens.",
    )


def _line(text: str) -> str:
    """Return a name as it may stand in a header: one line, not endless."""
    return " ".join(text.split())[:80]
