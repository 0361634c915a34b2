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
from apps.core.access import ANY, Access, Actor, FactorRequired
from apps.core.ids import uuid7
from apps.workspaces import roles

# Django looks for an app's models here.
from apps.workspaces.factors import models as _factors  # noqa: F401

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
    factor_required_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when everybody here needs a second factor."
    )
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
        """Members and keys see the members of their workspace; nobody else sees any."""
        match actor:
            case Member() | ApiKey():
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

    session_id: UUID | None = None
    """The session by which this member asks; set, as what follows, by whoever looked it up."""
    session_kind: str = ""
    session_key: str = ""
    session_auth_hash: str = ""
    session_remaining: timedelta = timedelta()
    is_session_stale: bool = False
    is_confirmed: bool = False
    """Whether this session's owner has proven lately who they are."""
    factor_due_in: timedelta | None = None
    """How long this member may go on without the second factor that the workspace asks for; None where nothing is asked of them."""

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

    @property
    def is_factor_due(self) -> bool:
        """Whether nothing opens to this member before they have a second factor."""
        return self.factor_due_in is not None and self.factor_due_in <= timedelta()

    def may(self, access: Access) -> bool:
        if self.is_factor_due and not access.enrolling:
            raise FactorRequired
        return access.member == ANY or access.member in self.held

    def topics(self) -> Iterable[str]:
        return (f"member:{self.pk}", f"user:{self.user_id}")


class UserSession(models.Model):
    """One sign-in of a person: a browser's cookie, or an app's tokens. Deleting the row ends it everywhere at once.

    The cookie's content is in Django's own session; this is what its owner sees of it, and what says how long it lasts.
    """

    class Kind(models.TextChoices):
        BROWSER = "browser"
        APP = "app"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="sessions")
    kind = models.CharField(max_length=7, choices=Kind)
    session_key = models.CharField(max_length=40, blank=True, help_text="Of the browser's session in Django's store.")
    auth_hash = models.CharField(
        max_length=128, help_text="Of the password that was valid then: a new one ends the session."
    )
    device = models.CharField(max_length=80, blank=True)
    network = models.CharField(
        max_length=50, blank=True, help_text="The network it came from: never the whole address."
    )
    created_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(db_default=Now(), help_text="When its owner last proved who they are.")

    class Meta:
        indexes = [models.Index(fields=["user", "-seen_at"], name="sessions_of_user")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="browser") ^ models.Q(session_key=""), name="browser_session_has_a_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.device} of {self.user_id}"


class RefreshToken(models.Model):
    """A token that gets an app its next access token, once. All of a session's tokens are one family."""

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    session = models.ForeignKey(UserSession, models.CASCADE, related_name="refresh_tokens")
    parent_hash = models.BinaryField(max_length=32, null=True, help_text="The token that was exchanged for this one.")
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Refresh token of {self.session_id}"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, actor: Actor) -> ApiKeyQuerySet:
        """Members see the keys of their workspace; a key sees itself."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case ApiKey():
                return self.filter(pk=actor.pk)
            case _:
                return self.none()


class ApiKey(models.Model):
    """An integration: the actor behind a request with an ``oca_`` key. It may what its scopes name, as long as its maker may too."""

    kind: ClassVar[str] = "key"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_keys")
    maker = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=100)
    token_hash = models.BinaryField(max_length=32, unique=True)
    hint = models.CharField(max_length=12, help_text="How the key begins, to tell one from another.")
    scopes = ArrayField(models.CharField(max_length=40))
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    objects: ClassVar[ApiKeyQuerySet] = ApiKeyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "id"], name="api_key_in_workspace")]
        indexes = [models.Index(fields=["workspace", "-created_at"], name="api_keys_of_workspace")]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        return self.name

    @property
    def held(self) -> frozenset[str]:
        """The scopes that still hold: none that its maker has lost since."""
        return frozenset(self.scopes) & self.maker.held if self.maker is not None else frozenset()

    @property
    def view(self) -> str:
        return f"key:{self.pk}"

    def may(self, access: Access) -> bool:
        return access.key is not None and access.key in self.held

    def topics(self) -> Iterable[str]:
        return (f"key:{self.pk}",)


class OwnershipOffer(models.Model):
    """An owner's offer to hand the workspace over. It counts when the other has accepted; one at a time."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="ownership_offer")
    giver = models.ForeignKey(Member, models.CASCADE, related_name="+")
    receiver = models.ForeignKey(Member, models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    workspace_id: UUID

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(giver=models.F("receiver")), name="ownership_goes_to_another")
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id} to {self.receiver_id}"


class Ticket(models.Model):
    """A ticket to open one live socket: handed to a signed-in member, good for thirty seconds and one use."""

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, models.CASCADE)
    session = models.ForeignKey(UserSession, models.CASCADE)
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
    PASSKEY = "passkey", "Passkey"
    OIDC = "oidc", "Single sign-on"


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
        CONFIRM = "confirm"

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


class FailedSignIn(models.Model):
    """A sign-in that failed, on record once however often its effect runs; kept for as long as it may matter."""

    effect = models.CharField(primary_key=True, max_length=200, help_text="The key of the effect that recorded it.")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["user", "created_at"], name="failed_sign_ins_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.created_at}"


# Models of the package beside this module, which point at those above.
from apps.workspaces.sso import models as sso_models  # noqa: E402, F401
