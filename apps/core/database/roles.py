"""The names of the two roles that the application works as. Settings read them before anything of Django is loaded."""

APP_ROLE = "opencom_app"
"""Sees and writes the rows of the workspace it was told."""
SYSTEM_ROLE = "opencom_system"
"""Sees and writes the rows of every workspace."""
