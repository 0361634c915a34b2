"""The reference pages, written from the code: what handlers, events, effects, limits and live queries there are.

A page is a function registered with ``@page("name.md")``; any app may have some in a module ``reference``. ``manage.py reference`` writes them.
"""

from apps.core.reference import access, effects, events, isolation, kinds, limits, live_queries

__all__ = ["access", "effects", "events", "isolation", "kinds", "limits", "live_queries"]
