from importlib import import_module

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """The project itself, installed so that it can have management commands for those who run it."""

    name = "opencom_project"
    verbose_name = "Opencom"

    def ready(self) -> None:
        # Whoever owes an effect nudges through the app's own Celery, not through a default one.
        import_module("opencom_project.celery")
        # It fills the sign-in page's slot.
        import_module("opencom_project.demo.sign_in")
