"""The site map: one line an app."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path, re_path

from apps.conversations import urls as conversations
from apps.core import urls as mail
from apps.core.middleware import not_found
from apps.knowledge import urls as knowledge
from apps.visitors import urls as visitors
from apps.workspaces import urls as workspaces
from opencom_project import api_docs, probes, widget_files

# An optional app has no place on the map of an installation that leaves it out.
if apps.is_installed("apps.audit"):
    from apps.audit import urls as audit

    audit_api, audit_pages = audit.api_v1, audit.pages
else:
    audit_api, audit_pages = [], []

api_v1 = [
    *workspaces.api_v1,
    *visitors.api_v1,
    *knowledge.api_v1,
    *conversations.api_v1,
    *audit_api,
]

urlpatterns = [
    path("api/v1/", include(api_v1)),
    path("api/openapi.json", api_docs.Schema.as_view()),
    path("api/docs/", api_docs.page),
    re_path(r"^api/", not_found),
    path("healthz", probes.web),
    path("widget/<path:name>", widget_files.serve),
    *mail.pages,
    path("admin/", admin.site.urls),
    *getattr(workspaces, "pages", []),
    *getattr(visitors, "pages", []),
    *knowledge.pages,
    *conversations.pages,
    *audit_pages,
]
