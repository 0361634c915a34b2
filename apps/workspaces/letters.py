"""The mails about people's ways in, in words."""

from __future__ import annotations

from apps.core.mail.letter import Letter
from apps.workspaces.models import Invitation, SignInCode

NOT_YOU = "If you didn't ask for this, you can ignore it: nobody gets in without it."


def code(code: str, purpose: str) -> Letter:
    """A one-time code."""
    signing_up = purpose == SignInCode.Purpose.SIGN_UP
    return Letter(
        subject="Your code to go on with Opencom" if signing_up else "Your code to sign in to Opencom",
        heading="Prove that this address is yours" if signing_up else "Your code to sign in",
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
