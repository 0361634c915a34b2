from django.urls import path

from apps.audit import api, views

api_v1 = [
    path("audit", api.AuditLog.as_view()),
    path("audit/exports", api.AuditExports.as_view()),
    path("audit/retention", api.AuditRetention.as_view()),
]

pages = [path("settings/audit/", views.Log.as_view(), name="settings-audit")]
