"""Location: country, region and city of a visitor, by the address that their request came from.

By a local file in MaxMind's format (``GEOIP_PATH``), at once; or by a provider that speaks ip-api's protocol (``GEOIP_URL``), as an effect. Never by
what a client says, and off unless one of the two is set. An address is kept for a provider only: sealed, an hour at most, and never logged.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import maxminddb
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.core import clock, effects, envelope, limits
from apps.core.effects import Hopeless, Postponed
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.limits import Limited
from apps.core.models import Effect
from apps.core.outbound import FetchFailed, Refused, safe_fetch
from apps.core.volatile import volatile
from apps.visitors.events import VisitorChanged
from apps.visitors.merging import lock
from apps.visitors.models import PendingLocation, Visitor

logger = logging.getLogger(__name__)

PENDING = Exemption("addresses that wait for a provider", "the clock deletes those of every workspace")
FIELDS = "status,countryCode,country,regionName,city"
NAME_CHARACTERS = 100

Location = dict[str, str]


def by_file(address: str) -> Location | None:
    """Return where the local file says that an address is; None without a file, or where it doesn't know."""
    if not settings.GEOIP_PATH or not _is_public(address):
        return None
    try:
        found = _reader(settings.GEOIP_PATH, Path(settings.GEOIP_PATH).stat().st_mtime_ns).get(address)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        # A file that is being replaced, or knows no IPv6, keeps nobody out. What is wrong with it, ``manage.py doctor`` says.
        logger.warning("GEOIP_PATH can't be read: %s", type(error).__name__)
        return None
    if not isinstance(found, dict):
        return None
    country: Any = found.get("country") or found.get("registered_country") or {}
    region: Any = (found.get("subdivisions") or [{}])[0]  # type: ignore[index]
    city: Any = found.get("city") or {}
    return _location(country.get("iso_code"), _named(country), _named(region), _named(city))


@lru_cache(maxsize=2)
def _reader(path: str, _changed: int) -> maxminddb.Reader:
    """Return the reader of a file; another one once the file was replaced."""
    return maxminddb.open_database(path)


def _named(place: dict[str, Any]) -> str:
    return str((place.get("names") or {}).get("en", ""))


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _location(code: object, country: object, region: object, city: object) -> Location | None:
    """Return a location of what is known of it; None where that is nothing."""
    told = {"country_code": code, "country": country, "region": region, "city": city}
    cleaned = {
        name: " ".join(value.split())[:NAME_CHARACTERS] for name, value in told.items() if isinstance(value, str)
    }
    kept = {name: value for name, value in cleaned.items() if value.isprintable() and value}
    return kept or None


def ask_provider(visitor: Visitor, address: str) -> None:
    """Owe a question to the provider about where a visitor is: once a day, and only where a provider is set."""
    if not settings.GEOIP_URL or settings.GEOIP_PATH or not _is_public(address):
        return
    day = int(clock.now().timestamp()) // limits.LOCATION_SECONDS
    key = f"locate:{visitor.pk}:{day}"
    if Effect.objects.filter(key=key).exists():
        return
    with transaction.atomic():
        row = PendingLocation(visitor=visitor, workspace_id=visitor.workspace_id, asked_at=clock.now())
        envelope.seal(row, "address", address)
        PendingLocation.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["visitor"], update_fields=["address", "asked_at"]
        )
        owed = {"visitor": str(visitor.pk)}
        effects.owe("visitors.locate", key=key, payload=owed, workspace_id=visitor.workspace_id)


def locate(visitor_id: UUID) -> None:
    """Ask the provider where the visitor's request came from, and note it. Raises Postponed, Hopeless."""
    pending = PendingLocation.objects.filter(
        visitor_id=visitor_id, asked_at__gt=Now() - timedelta(seconds=limits.PENDING_LOCATION_SECONDS)
    ).first()
    if pending is None or not settings.GEOIP_URL:
        return
    found = _cached_or_asked(envelope.reveal(pending, "address"))
    with transaction.atomic():
        PendingLocation.objects.filter(pk=pending.pk).delete()
        row = lock({visitor_id}).get(visitor_id)
        if row is not None and found is not None and row.location != found:
            row.location = found
            row.save(update_fields=["location"])
            emit(VisitorChanged(actor=row, visitor=row))


def _cached_or_asked(address: str) -> Location | None:
    key = f"location:{limits.address_subject(address)}"
    cached = volatile.call(lambda client: client.get(key))
    if cached is not None:
        known: Location | None = json.loads(cached)
        return known
    try:
        limits.spend(limits.LOCATION_LOOKUPS, "provider")
    except Limited as limited:
        raise Postponed("The provider has been asked often enough for now.") from limited
    found = _asked(address)
    volatile.call(lambda client: client.set(key, json.dumps(found), ex=limits.LOCATION_SECONDS))
    return found


def _asked(address: str) -> Location | None:
    url = settings.GEOIP_URL.replace("{address}", quote(address, safe=":."))
    try:
        answer = safe_fetch(url)
    except Refused as error:
        raise Hopeless("GEOIP_URL may not be fetched: see OUTBOUND_HTTP and OUTBOUND_NETWORKS.") from error
    except FetchFailed as error:
        raise Postponed("The provider didn't answer.") from error
    if answer.status != 200:
        raise Postponed(f"The provider answered {answer.status}.")
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Postponed("The provider's answer can't be read.") from error
    if not isinstance(said, dict) or said.get("status") != "success":
        return None
    return _location(said.get("countryCode"), said.get("country"), said.get("regionName"), said.get("city"))


def forget_pending() -> int:
    """Delete the addresses that have waited for too long. Runs by the clock."""
    with scopes.every_workspace(PENDING):
        late = PendingLocation.objects.filter(asked_at__lte=Now() - timedelta(seconds=limits.PENDING_LOCATION_SECONDS))
        return late.delete()[0]
