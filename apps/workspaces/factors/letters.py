"""The mails about factors, in words."""

from __future__ import annotations

from apps.core.mail.letter import Letter

NOT_YOU = "If that wasn't you, somebody else is in your account: sign out everywhere under Sessions, and change your password."


def added(factor: str, sessions: str) -> Letter:
    """The news that a factor was set up."""
    return Letter(
        subject="A second factor was added to your Opencom account",
        heading="A second factor was added",
        paragraphs=(
            f"From now on you can prove who you are by: {factor}. You are asked for it each time you sign in.",
        ),
        action=("Look at my sessions", sessions),
        footnote=NOT_YOU,
    )


def removed(factor: str, sessions: str) -> Letter:
    """The news that a factor was removed."""
    return Letter(
        subject="A second factor was removed from your Opencom account",
        heading="A second factor was removed",
        paragraphs=(f"This no longer proves who you are: {factor}.",),
        action=("Look at my sessions", sessions),
        footnote=NOT_YOU,
    )


def codes(sessions: str) -> Letter:
    """The news that there are new recovery codes."""
    return Letter(
        subject="Your Opencom recovery codes are new",
        heading="You have new recovery codes",
        paragraphs=("The codes that you had before no longer work.",),
        action=("Look at my sessions", sessions),
        footnote=NOT_YOU,
    )


def used(left: int, sessions: str) -> Letter:
    """The news that a recovery code was used."""
    rest = (
        "It was the last one: make new codes."
        if not left
        else f"{left} of your codes {'is' if left == 1 else 'are'} left."
    )
    return Letter(
        subject="A recovery code was used to sign in to Opencom",
        heading="A recovery code was used",
        paragraphs=(f"Somebody signed in to your account by a recovery code in place of your second factor. {rest}",),
        action=("Look at my sessions", sessions),
        footnote=NOT_YOU,
    )


def reset(sign_in: str) -> Letter:
    """The news that all factors were removed by somebody else."""
    return Letter(
        subject="Your second factor for Opencom was reset",
        heading="Your second factor was reset",
        paragraphs=(
            "An owner of your workspace, or the operator of this installation, removed your second factors and signed you "
            "out everywhere. Sign in, and set one up again.",
        ),
        action=("Sign in", sign_in),
        footnote="If you didn't ask anybody for this, ask them why.",
    )
