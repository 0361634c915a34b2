"""The live process: sockets and long polls. Whole (pages and REST too) where one process must do everything."""

from __future__ import annotations

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencom_project.settings")

pages: Any = get_asgi_application()

from apps.core import poll, socket  # noqa: E402: the apps must be loaded first
from opencom_project import probes  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": URLRouter([path("live/poll", poll.application), path("live/healthz", probes.live), path("", pages), path("<path:rest>", pages)]),
        "websocket": URLRouter([path("ws/", socket.application)]),
    }
)
