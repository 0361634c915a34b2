"""For the type checker, which reads the settings but starts nothing."""

import os

os.environ.setdefault("DATABASE_URL", "postgresql:///types")
os.environ.setdefault("SECRET_KEY", "types")
os.environ.setdefault("ENCRYPTION_KEYS", "t" * 43)

from opencom_project.settings import *  # noqa: F403
