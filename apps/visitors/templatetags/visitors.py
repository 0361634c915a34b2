"""Words for what the visitors' pages show."""

from __future__ import annotations

from django import template
from django.apps import apps

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """Write a share as whole per cents, never rounded up to all."""
    return f"{int(share * 100)} %"


@register.filter
def thousands(number: int) -> str:
    """Write a number so that it can be read at a glance."""
    return f"{number:,}"


@register.filter
def relation(name: str) -> str:
    """Return what rows of a table or relation (``app.model``, ``app.model.field``) are called."""
    app, model = name.split(".")[:2]
    return str(apps.get_model(app, model)._meta.verbose_name)


@register.filter
def field_name(name: str) -> str:
    """Return what a visitor's field is called."""
    return {"external_id": "your id", "page_url": "page", "email": "e-mail"}.get(name, name.replace("_", " "))


@register.filter
def event_name(name: str) -> str:
    """Return what a tracked event is called: ours in words, others as the site named them."""
    return {"session_start": "Came to the site", "session_end": "Left the site"}.get(name, name)
