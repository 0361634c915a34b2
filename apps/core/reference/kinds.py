"""The families of which apps and plug-ins are kinds."""

from __future__ import annotations

from apps.core.kinds import families
from apps.core.reference.pages import first_line, page, table


@page("kinds.md")
def kinds_page() -> str:
    rows = [
        (family.name, slug, first_line(kind))
        for family in sorted(families.values(), key=lambda family: family.name)
        for slug, kind in sorted(family.all().items())
    ]
    listed = table(("family", "kind", "is"), rows) if rows else "No family is defined yet."
    return f"""# Kinds

A family is defined by the app that needs it; a kind of it registers by existing. A plug-in joins by an entry point in the group
`opencom.<family>`, whose name is the kind's slug and whose object is the kind.

{listed}"""
