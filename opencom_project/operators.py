"""Django's admin, with the site for operators of this installation."""

from django.contrib.admin.apps import AdminConfig


class OperatorsConfig(AdminConfig):
    """Django's admin, whose pages look across workspaces."""

    default_site = "apps.core.operators.OperatorsSite"
