"""The live process: sockets and long polls. Whole (pages and REST too) where one process must do everything."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencom_project.settings")

# The apps must be loaded before what is made of them is imported.
pages: Any = get_asgi_application()
poll: Any = import_module("apps.core.poll")
socket: Any = import_module("apps.core.socket")
probes: Any = import_module("opencom_project.probes")


application = ProtocolTypeRouter(
    {
        "http": URLRouter(
            [
                path("live/poll", poll.application),
                path("live/healthz", probes.live),
                path("", pages),
                path("<path:rest>", pages),
            ]
        ),
        "websocket": URLRouter([path("ws/", socket.application)]),
    }
)
