"""The filters that conversations' templates use."""

from django import template

from apps.conversations import markup

register = template.Library()
register.filter("rendered", markup.rendered)
register.filter("plain", markup.plain)
