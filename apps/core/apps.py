from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        autodiscover_modules("events", "reactions", "effects", "sessions", "live", "boot", "checks", "personal_data")
