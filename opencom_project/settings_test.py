"""For the test suite: a fast password hasher, no rates unless a test asks, and no broker."""

from opencom_project import environment as env
from opencom_project.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LIMITS_ENFORCED = False
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}

env.refuse(HTTPS, "These settings are for tests: passwords are hashed as fast as they can be.")

if template := env.text("TEST_DATABASE_TEMPLATE"):
    # A migrated database to copy: the suite's runner makes it when the schema has changed.
    DATABASES["default"]["TEST"] = {"TEMPLATE": template}
