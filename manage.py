#!/usr/bin/env python
"""Django's command line. Without a DATABASE_URL it reaches the services of `make up`."""

import os
import sys

from opencom_project.embedded.state import saved_environment


def main() -> None:
    """Run the management command that the command line names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencom_project.settings")
    if not os.environ.get("DATABASE_URL"):
        for name, value in saved_environment().items():
            os.environ.setdefault(name, value)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
