from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """The project itself, installed so that it can have management commands for those who run it."""

    name = "opencom_project"
    verbose_name = "Opencom"
