"""Without the optional apps: what is left must still boot, migrate and serve. CI checks it."""

from opencom_project.settings import *  # noqa: F403

OPTIONAL = {"apps.audit"}
INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in OPTIONAL]
