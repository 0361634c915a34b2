"""Disks that are soon full: a file system in memory of a fixed size."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

from opencom_project.demo.caller import Reply
from opencom_project.demo.clients import Client

CHUNK = b"\0" * 65536


class SmallDisk:
    """So many megabytes, mounted while it is used. Only root may mount."""

    def __init__(self, megabytes: int) -> None:
        self.megabytes = megabytes
        self.folder = Path(tempfile.mkdtemp(prefix="opencom-disk-", dir="/var/tmp"))

    def __enter__(self) -> Self:
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m,mode=0755", "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"A small disk needs root and tmpfs: {done.stderr.strip()}", pytrace=False)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.folder.rmdir()

    def fill(self) -> None:
        """Use up all that is left."""
        descriptor = os.open(self.folder / "filler", os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(descriptor, CHUNK)
        except OSError:
            return
        finally:
            os.close(descriptor)

    def free(self) -> None:
        """Give it back."""
        (self.folder / "filler").unlink()


async def upload(client: Client, name: str, content: bytes) -> Reply:
    """Upload a file and return the answer, whatever it is."""
    return await client.caller.upload("/attachments", name, content)
