from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from apps.core import limits
from apps.core.access import ANY, Access, Actor
from apps.core.ids import uuid7
from apps.workspaces import roles

WEB_ADDRESS = URLValidator(
    ["http", "https"], message="Write an address of the web, such as https://example.com/logo.png."
)
COLOR = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "Write a colour as six hexadecimal digits, such as #1f6feb.")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, *, name: str = "", **fields: Any) -> User:
        """Create somebody who can sign in. The address is kept in lower case: it is who they are."""
        user = self.model(email=email.strip().lower(), name=name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create an operator of the installation, for Django's admin site."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who works here, in one workspace or several. Signs in by e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May use Django's admin site.")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_in_lower_case")
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Workspace(models.Model):
    """A tenant. Every other row belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=limits.NAME_CHARACTERS)
    allowed_origins = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    any_origin = models.BooleanField(default=False, help_text="The messenger may run on any page, and in native apps.")
    session_lifetime = models.PositiveIntegerField(
        default=limits.SESSION_LIFETIME_DEFAULT,
        validators=[MinValueValidator(limits.SESSION_LIFETIME_MIN), MaxValueValidator(limits.SESSION_LIFETIME_MAX)],
    )
    widget_seen_at = models.DateTimeField(null=True, blank=True)
    widget_seen_origin = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(session_lifetime__range=(limits.SESSION_LIFETIME_MIN, limits.SESSION_LIFETIME_MAX)),
                name="session_lifetime_in_range",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Messenger(models.Model):
    """How a workspace's messenger looks and greets. One a workspace."""

    class Theme(models.TextChoices):
        SYSTEM = "system"
        LIGHT = "light"
        DARK = "dark"

    class Position(models.TextChoices):
        RIGHT = "right"
        LEFT = "left"

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="messenger")
    primary_color = models.CharField(max_length=7, default="#1f5eff", validators=[COLOR])
    background_color = models.CharField(max_length=7, default="#1f5eff", validators=[COLOR])
    theme = models.CharField(max_length=6, choices=Theme, default=Theme.SYSTEM)
    launcher_position = models.CharField(max_length=5, choices=Position, default=Position.RIGHT)
    launcher_side_spacing = models.PositiveSmallIntegerField(default=20, validators=[MaxValueValidator(100)])
    launcher_bottom_spacing = models.PositiveSmallIntegerField(default=20, validators=[MaxValueValidator(100)])
    launcher_show = models.BooleanField(default=True)
    launcher_icon_url = models.URLField(blank=True, validators=[WEB_ADDRESS])
    logo_url = models.URLField(blank=True, validators=[WEB_ADDRESS])
    greeting = models.CharField(max_length=500, default="Hi there. How can we help?")
    team_introduction = models.CharField(max_length=500, blank=True)
    show_avatars = models.BooleanField(default=True)
    expected_reply = models.CharField(max_length=100, blank=True)
    languages = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    default_language = models.CharField(max_length=10, default="en")
    privacy_url = models.URLField(blank=True, validators=[WEB_ADDRESS])
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Messenger of {self.workspace_id}"


class MemberQuerySet(models.QuerySet["Member"]):
    def visible_to(self, actor: Actor) -> MemberQuerySet:
        """Members see the members of their workspace; nobody else sees any."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class Member(models.Model):
    """A person's seat in a workspace: the actor behind every dashboard request."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        AGENT = "agent"
        VIEWER = "viewer"

    kind: ClassVar[str] = "member"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=6, choices=Role)
    permissions = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text="If any are named they replace the role's."
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    objects: ClassVar[MemberQuerySet] = MemberQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="one_seat_a_workspace"),
            models.UniqueConstraint(fields=["workspace", "id"], name="member_in_workspace"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return self.user.name or self.user.email

    @property
    def online(self) -> bool:
        """Whether a dashboard of theirs was open within the last two minutes."""
        return self.last_seen_at is not None and timezone.now() - self.last_seen_at < timedelta(
            seconds=limits.PRESENCE_SECONDS
        )

    @property
    def held(self) -> frozenset[str]:
        """The permissions this member holds."""
        return frozenset(self.permissions) if self.permissions else roles.BY_ROLE[self.role]

    @property
    def view(self) -> str:
        held = hashlib.blake2b(",".join(sorted(self.held)).encode(), digest_size=6).hexdigest()
        return f"workspace:{self.workspace_id}:{held}"

    def may(self, access: Access) -> bool:
        return access.member == ANY or access.member in self.held

    def topics(self) -> Iterable[str]:
        return (f"member:{self.pk}",)


class Ticket(models.Model):
    """A ticket to open one live socket: handed to a signed-in member, good for thirty seconds and one use."""

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, models.CASCADE)
    session_key = models.CharField(max_length=40)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"Ticket of {self.member_id}"
