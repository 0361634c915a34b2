from django.urls import path

from apps.workspaces.sso import api, views

api_v1 = [
    path("workspace/sso", api.Connection.as_view()),
    path("workspace/sso/test", api.ConnectionTest.as_view()),
    path("profile/identities", api.Identities.as_view()),
    path("profile/identities/<uuid:identity_id>", api.IdentityView.as_view()),
]

pages = [
    path("sso/", views.Choose.as_view(), name="sso"),
    path("sso/<uuid:workspace_id>/", views.Workspace.as_view(), name="sso-workspace"),
    path("sso/<uuid:workspace_id>/go/", views.Go.as_view(), name="sso-go"),
    path("sso/<uuid:workspace_id>/callback/", views.Callback.as_view(), name="sso-callback"),
    path("settings/security/sso/", views.Settings.as_view(), name="settings-sso"),
    path("settings/security/sso/test/", views.Test.as_view(), name="settings-sso-test"),
    path("settings/security/sso/remove/", views.Remove.as_view(), name="settings-sso-remove"),
    path("settings/profile/sso/", views.Link.as_view(), name="settings-sso-link"),
    path("settings/profile/sso/<uuid:identity_id>/unlink/", views.Unlink.as_view(), name="settings-sso-unlink"),
]
