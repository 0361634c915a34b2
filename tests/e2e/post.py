"""Mail in the browser tests: it lies in the installation's folder, whoever has paid for it, the worker or the test."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from django.test import override_settings

from apps.core.mail import folder
from opencom_project import settings as production
from tests.e2e.people import PATIENCE_MS
from tests.e2e.servers import Servers
from tests.mailing import pay_all


class Post:
    """What has been mailed, to whomever."""

    def __init__(self, servers: Servers) -> None:
        self.folder = Path(servers.environment["STATE_DIR"]) / "mail"

    def code_for(self, address: str) -> str:
        """Return the newest code for an address, once it is there."""
        return self._newest(address, r"^ +(\d{6})$")

    def link_for(self, address: str) -> str:
        """Return the path of the newest link for an address, once it is there."""
        return urlsplit(self._newest(address, r"^(https?://\S+/(?:reset|invitations)/\S+)$")).path

    def _newest(self, address: str, pattern: str) -> str:
        mailer = {"BACKEND": "apps.core.mail.folder.FolderMailer", "OPTIONS": {"folder": str(self.folder)}}
        until = time.monotonic() + PATIENCE_MS / 1000
        # The worker's settings, whose codes are hashed as in production.
        theirs = {"SIGN_UP_OPEN": True, "PASSWORD_HASHERS": production.PASSWORD_HASHERS}
        with override_settings(MAILERS={"default": mailer}, MAIL_FOLDER=self.folder, **theirs):
            while time.monotonic() < until:
                pay_all()
                for mail in folder.newest():
                    if mail.to == address and (found := re.search(pattern, mail.text, re.MULTILINE)):
                        return found.group(1)
                time.sleep(0.1)
        raise AssertionError(f"nothing was mailed to {address}")
