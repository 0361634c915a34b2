"""Who is asking, and who may call what. Knows nothing of HTTP, DRF or sockets."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from django.core.exceptions import PermissionDenied

ANY = "any"
"""The permission every member holds: ``@allow(member=ANY)`` opens a handler to whoever works here."""

Handler = TypeVar("Handler", bound=Any)


class NotIdentified(PermissionDenied):
    """Nobody is signed in and the handler isn't public."""


class FactorRequired(PermissionDenied):
    """The workspace asks for a second factor that this member has yet to set up."""

    def __str__(self) -> str:
        return "This workspace asks for a second factor. Set one up first."


class FactorNeeded(Exception):
    """Who somebody is was proven by one means; a session begins when their second factor has proven it too.

    ``challenge`` stands for the half that is done, where no cookie does.
    """

    def __init__(self, methods: Sequence[str], challenge: str = "") -> None:
        super().__init__("Prove it by your second factor too.")
        self.methods = list(methods)
        self.challenge = challenge


class Actor(Protocol):
    """Whoever causes a request, a task or an event: a member, a visitor, an API key, the system."""

    kind: ClassVar[str]

    @property
    def pk(self) -> Any: ...

    @property
    def workspace_id(self) -> uuid.UUID | None:
        """The workspace this actor belongs to; the installation itself belongs to none."""

    @property
    def label(self) -> str:
        """The name people know this actor by."""

    @property
    def view(self) -> str:
        """What this actor sees, as a key: two actors with one view get the same answer to every live query."""

    def may(self, access: Access) -> bool:
        """Say whether this actor may call a handler with this access. Raises FactorRequired to whom nothing opens before they have one."""

    def topics(self) -> Iterable[str]:
        """Name the topics that tell that this actor's rights changed."""


@dataclass(frozen=True)
class System:
    """The installation itself, acting by the clock or for a named job."""

    name: str = "system"
    kind: ClassVar[str] = "system"
    pk: ClassVar[uuid.UUID | None] = None
    workspace_id: ClassVar[uuid.UUID | None] = None

    @property
    def label(self) -> str:
        return "Opencom"

    @property
    def view(self) -> str:
        return "system"

    def may(self, access: Access) -> bool:
        """The system calls actions, never handlers."""
        return False

    def topics(self) -> Iterable[str]:
        return ()


@dataclass(frozen=True)
class Access:
    """Who may call a handler. Whoever isn't named is refused."""

    member: str | None = None
    visitor: bool = False
    public: bool = False
    key: str | None = None
    enrolling: bool = False


def allow(
    *,
    member: str | None = None,
    visitor: bool = False,
    public: bool = False,
    key: str | None = None,
    enrolling: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare who may call this handler. The only place its access is written.

    ``member`` names the permission a member needs (``ANY`` for none in particular), ``key`` the scope that an API key needs;
    ``public`` needs nobody; ``enrolling`` opens it also to members who have yet to set up the second factor that their workspace asks for.
    """

    def mark(handler: Handler) -> Handler:
        handler.access = Access(member=member, visitor=visitor, public=public, key=key, enrolling=enrolling)
        return handler

    return mark


def check(handler: object, actor: Actor | None) -> None:
    """Raise unless ``actor`` may call ``handler``.

    Raises NotIdentified for nobody, FactorRequired for a member who has yet to set a second factor up, PermissionDenied for somebody who isn't
    named. A handler without ``@allow`` refuses all.
    """
    access: Access = getattr(handler, "access", Access())
    if access.public:
        return
    if actor is None:
        raise NotIdentified
    if not actor.may(access):
        raise PermissionDenied
