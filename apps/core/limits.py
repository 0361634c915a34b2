"""Every limit and budget, each with its reason, and the token buckets that keep the rates.

A bucket lives in Redis and is refilled by Redis' own clock. With Redis gone a limit either stays closed (``Limit.gone`` is CLOSED: whatever
authenticates, sends mail or costs money is then counted in the database) or is kept by each process alone (OPEN: messaging).
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import ipaddress
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from apps.core.volatile import volatile

MESSAGE_CHARACTERS = 10_000
"""Zulip's limit and the longest message people really paste."""
MESSAGE_ATTACHMENTS = 5
ATTACHMENT_BYTES = 10 * 1024 * 1024
ATTACHMENT_PIXELS = 40_000_000
"""A decoded picture of this size takes about 160 MB: the most a worker may spend on one."""
STAGED_SECONDS = 3600
"""How long an uploaded file waits for its message."""
FILE_URL_SECONDS = 300
"""How long a signed file address opens the file (OWASP ASVS 5: at most five minutes)."""
USER_ID_CHARACTERS = 200
IDENTITY_TOKEN_CHARACTERS = 8192
"""A signed token with an address, a name and a few attributes is a tenth of it."""
IDENTITY_TOKEN_SECONDS = 24 * 3600
"""The longest life of a token that proves who somebody is: who steals one has it no longer than a day."""
IDENTITY_GRACE_DAYS_MAX = 30
IDENTITY_ALERT_AT = 100
"""Refused proofs of a workspace in an hour that are worth a second entry in its audit log: somebody is trying."""
MERGE_UNDO_DAYS = 7
EXPORT_LINK_SECONDS = 24 * 3600
AT_ONCE_ROWS = 2000
"""An erasure or a copy of no more rows is done while its member waits; a larger one by a worker, in steps."""
AT_ONCE_BYTES = 32 * 1024 * 1024
LOCATION_SECONDS = 24 * 3600
"""How long somebody is taken to be where they were."""
PENDING_LOCATION_SECONDS = 3600
"""How long an address waits, sealed, for a provider to say where it is."""
ATTRIBUTES = 100
ATTRIBUTE_NAME_CHARACTERS = 100
ATTRIBUTE_BYTES = 2048
NAME_CHARACTERS = 200
EVENT_BATCH = 100
EVENT_DAYS = 30
"""How long what a visitor did is kept: long enough for rules about a month, short enough to be no dossier."""
BODY_BYTES = 1024 * 1024
JSON_DEPTH = 20
JSON_NODES = 2000
JSON_NUMBER = 2**53
"""Beyond it two programs read one number differently."""
PAGE_SIZE = 50
PAGE_SIZE_MAX = 100
BULK_MAX = 100
QUERY_CHARACTERS = 200
FRAME_BYTES = 64 * 1024
FRAMES_PER_10_SECONDS = 60
SUBSCRIPTIONS = 200
RESUMES_PER_MINUTE = 10
"""How often one socket may ask for the rest of one subscription: a client that keeps missing something is in a loop."""
SOCKET_BUFFER_BYTES = 1024 * 1024
"""What a client may lag behind before its socket is closed with 4008."""
OUTBOUND_CONNECT_SECONDS = 5.0
OUTBOUND_SECONDS = 10.0
OUTBOUND_BYTES = 64 * 1024
EMBEDDINGS_BYTES = 4 * 1024 * 1024
"""Sixteen vectors of 4,000 numbers, as JSON writes them, four times over."""
EMBEDDING_SECONDS = 15.0
QUERY_EMBEDDING_SECONDS = 2.0
"""Whoever searches waits no longer for what a question means: words alone find most."""
SEARCH_CHARACTERS = 2000
"""A customer's message; what is longer says what it is about at its beginning."""
GAP_DAYS = 90
GAPS_MOST = 2000
"""Of a workspace: what is searched for and not found is anybody's to write."""
"""What is read of an answer to us: a webhook's receiver has nothing longer to say."""
URL_CHARACTERS = 2000
WEBHOOK_BYTES = 1024 * 1024
SOCKETS_PER_VISITOR = 5
SOCKETS_PER_MEMBER = 20
HELLO_SECONDS = 5
IDLE_SECONDS = 60
"""A client pings every 25 s; two missed pings and the socket is closed."""
TICKET_SECONDS = 30
PRESENCE_SECONDS = 120
TYPING_SECONDS = 6
PASSWORD_CHARACTERS = 1000
CODE_SECONDS = 10 * 60
CODE_TRIES = 5
RESET_SECONDS = 3600
STEP_SECONDS = 10 * 60
"""How long a sign-in waits for its second factor: time to fetch a phone, not to go for lunch."""
PASSKEY_SECONDS = 5 * 60
FACTOR_GRACE_SECONDS = 7 * 24 * 3600
"""How long those who work somewhere already may go on without the second factor that is asked for now."""
RECOVERY_CODES = 10
PASSKEYS = 20
INVITATION_SECONDS = 7 * 24 * 3600
PROOF_SECONDS = 30 * 60
"""How long an address counts as proven after its code, until the account is made."""
SIGN_UP_DOMAINS = 20
FAILURES_TOLD = 10
"""Failed sign-ins of an account in a day that its owner is told of."""
FAILURE_DAYS = 30
SSO_ISSUER_CHARACTERS = 500
SSO_CLIENT_CHARACTERS = 255
SSO_SECRET_CHARACTERS = 1000
SSO_SUBJECT_CHARACTERS = 255
"""OpenID Connect's own limit."""
SSO_ATTEMPT_SECONDS = 10 * 60
"""How long somebody may take at their provider."""
SSO_ATTEMPTS = 5
"""How many single sign-ons one browser may have begun: tabs."""
SSO_CLOCK_SLACK_SECONDS = 60
SSO_METADATA_SECONDS = 3600
NEW_WORKSPACE_SECONDS = 7 * 24 * 3600
"""A workspace is new for a week: it may invite fewer people."""
MEMBER_SESSION_IDLE_SECONDS = 7 * 24 * 3600
MEMBER_SESSION_SECONDS = 30 * 24 * 3600
"""However much a session is used, its owner proves who they are once a month."""
SEEN_EVERY_SECONDS = 60
"""How often it is written down that a session or a key was used."""
CONFIRMED_SECONDS = 600
"""How long a password that was given opens what is sensitive (OWASP ASVS 7.5)."""
ACCESS_TOKEN_SECONDS = 900
REFRESH_GRACE_SECONDS = 30
"""How long a refresh token may be sent again by an app that didn't get the answer."""
IDEMPOTENCY_SECONDS = 24 * 3600
API_KEYS = 50
OWNERSHIP_OFFER_SECONDS = 72 * 3600
ARTICLE_TITLE_CHARACTERS = 200
ARTICLE_CHARACTERS = 200_000
"""A book's chapter of forty pages; with its form it stays below what a request may carry."""
ARTICLE_TAGS = 50
ARTICLE_AUTHORS = 10
COLLECTION_DEPTH = 6
ASSET_BYTES = 5 * 1024 * 1024
FEEDBACK_CHARACTERS = 1000
SNIPPETS = 5000
"""Of a workspace, with everybody's own: what Zendesk allows of macros."""
SNIPPET_NAME_CHARACTERS = 100
SNIPPET_CHARACTERS = 8000
"""What its variables stand for makes it longer; filled in it must still fit into a message."""
SNIPPETS_OFFERED = 20
SESSION_LIFETIME_DEFAULT = 24 * 3600
SESSION_LIFETIME_MIN = 3600
SESSION_LIFETIME_MAX = 7 * 24 * 3600


class Gone(enum.Enum):
    """What a limit does when Redis is gone."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Limit:
    """At most ``amount`` per ``seconds``, of which ``burst`` may come at once."""

    name: str
    amount: int
    seconds: int
    burst: int
    gone: Gone = Gone.OPEN


class Limited(Exception):
    """A limit was reached. ``retry_after`` is in seconds."""

    def __init__(self, limit: Limit, retry_after: float) -> None:
        super().__init__(limit.name)
        self.limit = limit
        self.retry_after = max(1, int(retry_after + 0.999))


LOGIN_FAILURES = Limit("login_failures", 5, 15 * 60, 5, Gone.CLOSED)
LOGINS_BY_ADDRESS = Limit("logins_by_address", 30, 300, 10, Gone.CLOSED)
CODE_REQUESTS = Limit("code_requests", 3, 15 * 60, 3, Gone.CLOSED)
CODE_REQUESTS_HOURLY = Limit("code_requests_hourly", 5, 3600, 5, Gone.CLOSED)
CODE_REQUESTS_DAILY = Limit("code_requests_daily", 10, 24 * 3600, 10, Gone.CLOSED)
"""By the address a code is mailed to. Over them nothing is sent, and nothing is said: an answer would tell that somebody else asks."""
MAILS_BY_ADDRESS = Limit("mails_by_address", 10, 3600, 5, Gone.CLOSED)
"""Codes and links that one client address may have mailed, to whomever."""
CODE_FAILURES = Limit("code_failures", 10, 3600, 10, Gone.CLOSED)
CODE_FAILURES_BY_ADDRESS = Limit("code_failures_by_address", 30, 3600, 30, Gone.CLOSED)
"""A code dies after five wrong tries; these keep somebody from trying code after code."""
FACTOR_FAILURES = Limit("factor_failures", 5, 15 * 60, 5, Gone.CLOSED)
"""By account, for codes of an app, recovery codes and passkeys together: six digits stand a guess of one in 330,000 each time."""
PASSKEY_CHALLENGES = Limit("passkey_challenges", 30, 300, 15, Gone.CLOSED)
"""By person: each is a row for some minutes."""
RESETS = Limit("resets", 2, 3600, 2, Gone.CLOSED)
RESETS_DAILY = Limit("resets_daily", 5, 24 * 3600, 5, Gone.CLOSED)
PASSWORD_CHANGES = Limit("password_changes", 5, 15 * 60, 5, Gone.CLOSED)
"""By member: whoever finds an open dashboard shouldn't guess the password in it."""
SSO_BY_ADDRESS = Limit("sso_by_address", 60, 300, 60, Gone.CLOSED)
"""Begun and ended single sign-ons: an office of thirty behind one address starts the day together."""
SSO_TESTS = Limit("sso_tests", 20, 3600, 10, Gone.CLOSED)
"""By workspace: each asks somebody else's server three times."""
SSO_KEY_FETCHES = Limit("sso_key_fetches", 12, 3600, 3, Gone.CLOSED)
"""By issuer, for a key that isn't known: providers change theirs a few times a year, and forged tokens name what they like."""
SIGN_UPS = Limit("sign_ups", 5, 3600, 5, Gone.CLOSED)
INVITATIONS_NEW = Limit("invitations_new", 20, 24 * 3600, 20, Gone.CLOSED)
INVITATIONS = Limit("invitations", 100, 24 * 3600, 50, Gone.CLOSED)
"""By workspace; the lower one in its first week. Mail to strangers is what a throw-away workspace would be made for."""
BOOTS_BY_ADDRESS = Limit("boots_by_address", 60, 3600, 30)
"""An office behind one address is normal: the burst is what 30 colleagues need on a Monday morning."""
FAILED_IDENTITIES = Limit("failed_identities", 20, 3600, 20, Gone.CLOSED)
"""By address: a server that signs wrongly shows at once; who guesses gets twenty guesses an hour at 256 bits."""
EMAIL_PROOFS = Limit("email_proofs", 3, 15 * 60, 3, Gone.CLOSED)
EMAIL_PROOFS_DAILY = Limit("email_proofs_daily", 5, 24 * 3600, 5, Gone.CLOSED)
"""By the address to which a visitor has a code mailed: nobody they don't know fills somebody's mailbox, and a lost code can be asked for again."""
EMAIL_PROOFS_BY_VISITOR = Limit("email_proofs_by_visitor", 5, 3600, 5, Gone.CLOSED)
EMAIL_PROOFS_BY_ADDRESS = Limit("email_proofs_by_address", 10, 24 * 3600, 10, Gone.CLOSED)
"""By client address: what somebody who isn't signed in may have mailed in a day, to whomever."""
EMAIL_CODE_FAILURES = Limit("email_code_failures", 10, 3600, 10, Gone.CLOSED)
"""By visitor: each code dies after five wrong tries, and there are no codes without end."""
BOOTS_BY_WORKSPACE = Limit("boots_by_workspace", 600, 3600, 600)
"""New browsers only, so that a flood of them keeps nobody out who was here before. Busy workspaces have more: see apps/visitors/arrivals.py."""
LOCATION_LOOKUPS = Limit("location_lookups", 40, 60, 10, Gone.CLOSED)
"""For the whole installation: ip-api answers 45 a minute for nothing, and others want money for each."""
IDENTIFY = Limit("identify", 60, 3600, 10)
NEW_CONVERSATIONS = Limit("new_conversations", 6, 3600, 3)
NEW_CONVERSATIONS_DAILY = Limit("new_conversations_daily", 20, 24 * 3600, 20)
VISITOR_MESSAGES = Limit("visitor_messages", 60, 60, 10)
VISITOR_MESSAGES_DAILY = Limit("visitor_messages_daily", 500, 24 * 3600, 500)
MEMBER_MESSAGES = Limit("member_messages", 300, 60, 20)
CONVERSATION_MESSAGES = Limit("conversation_messages", 600, 60, 30)
"""Writers to one conversation queue on its row: 32 of them fall to 274/s, so ten a second is all that anyone can need."""
TRACKED_EVENTS = Limit("tracked_events", 600, 60, 100)
TRACKED_EVENTS_DAILY = Limit("tracked_events_daily", 5000, 24 * 3600, 5000)
VISITOR_UPLOADS = Limit("visitor_uploads", 20, 3600, 10)
VISITOR_UPLOAD_BYTES = Limit("visitor_upload_bytes", 100 * 1024 * 1024, 24 * 3600, 100 * 1024 * 1024)
MEMBER_UPLOADS = Limit("member_uploads", 200, 3600, 20)
MEMBER_UPLOAD_BYTES = Limit("member_upload_bytes", 5 * 1024**3, 24 * 3600, 5 * 1024**3)
"""By who uploads, a token a byte: disks are what a throw-away visitor would be made for."""
SEARCHES = Limit("searches", 30, 60, 20)
HELP_PAGES = Limit("help_pages", 120, 60, 60)
"""By address: an office reads a few pages a minute each; who copies a help centre takes the sitemap and its time."""
HELP_SEARCHES = Limit("help_searches", 20, 60, 40)
"""By address: a search as you type asks once a word."""
HELP_FEEDBACK = Limit("help_feedback", 30, 3600, 10)
AUDIT_EXPORTS = Limit("audit_exports", 5, 24 * 3600, 5, Gone.CLOSED)
"""By workspace: a copy of the whole log is seldom needed, and wanted by whoever has stolen a session."""
VISITOR_EXPORTS = Limit("visitor_exports", 20, 24 * 3600, 20, Gone.CLOSED)
"""By workspace: somebody who asks for their data is seldom; who has stolen a session wants everybody's."""
MEMBER_REQUESTS = Limit("member_requests", 600, 60, 120)
KEY_REQUESTS = Limit("key_requests", 300, 60, 100)
WORKSPACE_KEY_REQUESTS = Limit("workspace_key_requests", 1000, 60, 200)
"""By workspace, whichever of its keys asks: a second key must not be a second allowance."""
REFRESHES_BY_ADDRESS = Limit("refreshes_by_address", 120, 300, 60)
"""An app asks four times an hour; an office of thirty behind one address starts the day together."""
KEYS_MADE = Limit("keys_made", 20, 3600, 10, Gone.CLOSED)
REFUSALS_RECORDED = Limit("refusals_recorded", 20, 3600, 5)
"""By actor: what is refused beyond this is refused all the same, but fills nobody's audit log."""
SOCKETS_BY_ADDRESS = Limit("sockets_by_address", 60, 60, 60)
WEBHOOKS = Limit("webhooks", 3000, 60, 200)
"""By receiver: a provider sends again what is refused."""
TELLS = Limit("tells", 40, 60, 10)

RATES = {value.name: value for value in list(vars().values()) if isinstance(value, Limit)}


@dataclass(frozen=True, slots=True)
class Charge:
    """``cost`` tokens of a subject's bucket."""

    limit: Limit
    subject: object
    cost: int = 1

    @property
    def key(self) -> str:
        return f"limit:{self.limit.name}:{self.subject}"


def spend(limit: Limit, subject: object, cost: int = 1) -> None:
    """Take ``cost`` tokens from the subject's bucket. Raises Limited where there are too few."""
    spend_all(Charge(limit, subject, cost))


def spend_all(*charges: Charge) -> None:
    """Take tokens from several buckets at once. Raises Limited where one has too few; then none is charged."""
    if not settings.LIMITS_ENFORCED:
        return
    waits = _spend_in_redis(charges)
    if waits is None:
        waits = [_spend_without_redis(charge) for charge in charges]
    wait, charge = max(zip(waits, charges, strict=True), key=lambda pair: pair[0])
    if wait > 0:
        raise Limited(charge.limit, wait)


def spend_once(limit: Limit, subject: object, thing: object) -> None:
    """Take a token for something that can be made only once, however often it is asked for. Raises Limited where there is none.

    Who asks again because the answer got lost, or the process died before it stored anything, has paid already. Without Redis each
    process remembers what was paid to it.
    """
    paid = f"paid:{limit.name}:{subject}:{thing}"
    if volatile.call(lambda client: client.exists(paid)) or paid in _own.paid:
        return
    spend(limit, subject)
    if volatile.call(lambda client: client.set(paid, 1, ex=limit.seconds)) is None:
        _own.remember(paid)


def give_back(limit: Limit, subject: object) -> None:
    """Put one token back that was taken for what then didn't happen."""
    spend(limit, subject, cost=-1)


def refund(limit: Limit, subject: object) -> None:
    """Empty the subject's record: a right password forgives the wrong ones before it."""
    key = f"limit:{limit.name}:{subject}"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_bucket WHERE key = %s", [key])
    volatile.call(lambda client: client.delete(key))


def address_subject(address: str) -> str:
    """Return what stands for a client address in a bucket's key: keyed, so that no address is stored; IPv6 by its /64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        ip = ipaddress.ip_address("0.0.0.0")
    if ip.version == 6:
        address = str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return account_subject(address)


def account_subject(account: str) -> str:
    """Return what stands for an account or address in a bucket's key, so that neither is stored."""
    return hmac.new(settings.SECRET_KEY.encode(), account.strip().lower().encode(), hashlib.sha256).hexdigest()[:24]


_SCRIPT = """
local t = redis.call('TIME'); local now = t[1] + t[2] / 1e6
local waits, left, short = {}, {}, false
for i, key in ipairs(KEYS) do
  local rate, burst, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local b = redis.call('HMGET', key, 'n', 't')
  left[i] = math.min(burst, (tonumber(b[1]) or burst) + math.max(0, now - (tonumber(b[2]) or now)) * rate)
  waits[i] = 0
  if left[i] < cost then waits[i] = (cost - left[i]) / rate; short = true end
end
for i, key in ipairs(KEYS) do
  local rate, burst, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  redis.call('HSET', key, 'n', tostring(short and left[i] or left[i] - cost), 't', tostring(now))
  redis.call('EXPIRE', key, math.ceil(burst / rate) + 1)
  waits[i] = tostring(waits[i])
end
return waits
"""


def _spend_in_redis(charges: tuple[Charge, ...]) -> list[float] | None:
    """Return for each charge the seconds to wait (0: taken), or None where Redis is gone."""
    keys = [charge.key for charge in charges]
    numbers = [number for c in charges for number in (c.limit.amount / c.limit.seconds, c.limit.burst, c.cost)]
    waits: Any = volatile.call(lambda client: client.eval(_SCRIPT, len(keys), *keys, *map(str, numbers)))
    return None if waits is None else [float(wait) for wait in waits]


def _spend_without_redis(charge: Charge) -> float:
    if charge.limit.gone is Gone.CLOSED:
        return _spend_in_database(charge.limit, charge.key, charge.cost)
    return _own.spend(charge.limit, charge.key, charge.cost)


def _spend_in_database(limit: Limit, key: str, cost: int) -> float:
    rate = limit.amount / limit.seconds
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_bucket AS bucket (key, tokens, filled_at) VALUES (%(key)s, %(burst)s - %(cost)s, clock_timestamp())
            ON CONFLICT (key) DO UPDATE SET
              tokens = greatest(-1.0, least(%(burst)s, bucket.tokens
                + extract(epoch FROM clock_timestamp() - bucket.filled_at) * %(rate)s) - %(cost)s),
              filled_at = clock_timestamp()
            RETURNING tokens
            """,
            {"key": key[:120], "burst": float(limit.burst), "cost": float(cost), "rate": rate},
        )
        tokens = cursor.fetchone()[0]
    return 0.0 if tokens >= 0 else -tokens / rate


def forget_full() -> int:
    """Delete the database's buckets that are full again. Returns how many."""
    longest = max(limit.seconds * limit.burst / limit.amount for limit in RATES.values())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_bucket WHERE filled_at < now() - make_interval(secs => %s)", [longest])
        return int(cursor.rowcount)


class OwnBuckets:
    """Buckets in this process's memory, for the limits that stay open without Redis."""

    MOST = 10_000

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}
        self.paid: set[str] = set()
        self._lock = threading.Lock()

    def remember(self, paid: str) -> None:
        """Note that something was paid for."""
        with self._lock:
            if len(self.paid) >= self.MOST:
                self.paid.clear()
            self.paid.add(paid)

    def spend(self, limit: Limit, key: str, cost: int) -> float:
        """Return the seconds to wait, 0 where the tokens were there."""
        rate, now = limit.amount / limit.seconds, time.monotonic()
        with self._lock:
            if len(self._buckets) > self.MOST:
                self._buckets.clear()
            tokens, filled_at = self._buckets.get(key, (float(limit.burst), now))
            tokens = min(float(limit.burst), tokens + (now - filled_at) * rate)
            wait = 0.0 if tokens >= cost else (cost - tokens) / rate
            self._buckets[key] = (tokens - cost if wait == 0 else tokens, now)
            return wait


_own = OwnBuckets()
