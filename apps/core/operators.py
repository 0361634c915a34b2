"""Django's admin site for the installation's operators, who look across workspaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import SimpleTemplateResponse

from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption

OPERATORS = Exemption(
    "admin", "operators of the installation look at the rows of every workspace, hardly any of which they may change"
)


class OperatorsSite(AdminSite):
    """The admin, whose pages show every workspace to whoever may enter it, and no row to anybody else."""

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        def within(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_permission(request):
                return view(request, *args, **kwargs)
            with scopes.every_workspace(OPERATORS):
                response = view(request, *args, **kwargs)
                # Its rows are read when it is rendered, which is otherwise later.
                return response.render() if isinstance(response, SimpleTemplateResponse) else response

        return super().admin_view(within, cacheable)
