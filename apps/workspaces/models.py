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


class SignUpMode(models.TextChoices):
    """Who may join a workspace without being added by its operator."""

    INVITED = "invited", "Only who is invited"
    DOMAINS = "domains", "Who is invited, and whoever has an address of these domains"


class SignInMethod(models.TextChoices):
    """A way to prove who one is."""

    PASSWORD = "password", "Password"
    CODE = "code", "One-time code by e-mail"


class SignInPolicy(models.Model):
    """How people get into a workspace. Without a row: by invitation, with every method."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="sign_in_policy")
    methods = ArrayField(models.CharField(max_length=10, choices=SignInMethod))
    sign_up = models.CharField(max_length=7, choices=SignUpMode)
    domains = ArrayField(models.CharField(max_length=255), default=list, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(methods__contained_by=SignInMethod.values, methods__len__gte=1),
                name="sign_in_by_something",
            ),
            models.CheckConstraint(condition=models.Q(sign_up__in=SignUpMode.values), name="sign_up_mode_known"),
        ]

    def __str__(self) -> str:
        return f"Sign-in to {self.workspace_id}"


class SignInCode(models.Model):
    """A one-time code on its way to an address; one at a time for each purpose.

    Whether somebody has an account with the address isn't asked before the mail is made.
    """

    class Purpose(models.TextChoices):
        SIGN_IN = "sign_in"
        SIGN_UP = "sign_up"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField()
    purpose = models.CharField(max_length=7, choices=Purpose)
    issue = models.UUIDField(unique=True, help_text="Another one with every code for this address.")
    salt = models.BinaryField(max_length=32, null=True, help_text="What the code is made of, until its mail has left.")
    digest = models.CharField(max_length=200)
    tries = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["email", "purpose"], name="one_code_an_address")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.issue}"


class PasswordReset(models.Model):
    """A link to a new password on its way to an address; one at a time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    issue = models.UUIDField(unique=True, help_text="Another one with every link for this address.")
    salt = models.BinaryField(max_length=32, null=True, help_text="What the link is made of, until its mail has left.")
    digest = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.issue)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, actor: Actor) -> InvitationQuerySet:
        """Members see the invitations of their workspace; nobody else sees any."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()

    def waiting(self) -> InvitationQuerySet:
        """Those that can still be accepted."""
        return self.open().filter(expires_at__gt=Now())

    def open(self) -> InvitationQuerySet:
        """Those that were neither accepted nor revoked, expired or not."""
        return self.filter(accepted_at=None, revoked_at=None)


class Invitation(models.Model):
    """A seat offered to whoever reads an address. It becomes one when they accept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=6, choices=Member.Role)
    invited_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="invitations")
    issue = models.UUIDField(unique=True, help_text="Another one each time it is sent.")
    salt = models.BinaryField(max_length=32, null=True, help_text="What the link is made of, until its mail has left.")
    digest = models.BinaryField(max_length=32, unique=True)
    sent_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    objects: ClassVar[InvitationQuerySet] = InvitationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="invitation_in_workspace"),
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_an_address",
            ),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="invitation_email_in_lower_case"),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None), name="invitation_ends_once"
            ),
        ]
        indexes = [models.Index(fields=["email"], name="invitation_by_address")]

    def __str__(self) -> str:
        return f"Invitation {self.pk}"

    @property
    def label(self) -> str:
        return self.email

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()
