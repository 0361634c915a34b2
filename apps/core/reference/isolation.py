"""What keeps workspaces apart in the database, and what may look across them."""

from __future__ import annotations

from apps.core.isolation import catalogue
from apps.core.isolation.scopes import exemptions
from apps.core.reference.pages import page, table


@page("isolation.md")
def isolation_page() -> str:
    listed = sorted(exemptions.values(), key=lambda exemption: exemption.name)
    relations = catalogue.relations()
    return f"""# Isolation

A statement runs within one workspace, within none, or, where an exemption of this page says so, across all of them. Postgres holds the application
to it by row-level security, which is in force for every table with a `workspace_id`. Within none no row is seen or written.

## Tables

{table(("table", "whose row it is"), sorted(catalogue.tenants_models().items()))}

## Keys that can't cross a workspace

Each is a foreign key over `(workspace_id, …)`. `manage.py migrate` derives them from the models.

{table(("from", "to"), ((f"{one.table}.{one.column}", one.target) for one in relations))}

## What may look across workspaces

{table(("exemption", "why"), ((one.name, one.why) for one in listed))}"""
