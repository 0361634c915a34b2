"""The reference page of what is kept about visitors."""

from __future__ import annotations

from apps.core.reference.pages import page, table
from apps.visitors.merging import relations
from apps.visitors.personal_data import holdings, nothing


@page("personal-data.md")
def personal_data_page() -> str:
    """Return the map of personal data."""
    held = ((model, f"`{holding.path or 'id'}`", holding.kept) for model, holding in sorted(holdings.items()))
    pointing = ((relation.name, "a rule" if relation.needs_rule else "") for relation in relations())
    return f"""# Personal data

What is kept about visitors, and where. Exports and erasures go by this map; a table that isn't on it fails the tests.

## What holds something about a visitor

{table(("table", "leads to the visitor by", "kept"), held)}

## What moves when two visitors are merged

Every foreign key to a visitor, of every app. Where both may hold what one can have only once, a rule says what becomes of it.

{table(("relation", "needs"), pointing)}

## What holds nothing

{table(("table", "holds"), sorted(nothing.items()))}
"""
