"""The database backend: Django's for Postgres, and each statement runs within the workspace it belongs to."""
