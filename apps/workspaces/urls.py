from django.urls import path

from apps.workspaces import api, demo, views

api_v1 = [
    path("session", api.Session.as_view()),
    path("live/tickets", api.Tickets.as_view()),
    path("members", api.Members.as_view()),
    path("workspace", api.WorkspaceView.as_view()),
    path("workspace/messenger", api.MessengerView.as_view()),
    path("workspace/security", api.SecurityView.as_view()),
]

pages = [
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("settings/", views.Settings.as_view(), name="settings"),
    path("settings/messenger/", views.MessengerSettings.as_view(), name="settings-messenger"),
    path("settings/messenger/preview/", views.MessengerPreview.as_view(), name="settings-messenger-preview"),
    path("settings/installation/", views.Installation.as_view(), name="settings-installation"),
    path("settings/members/", views.Members.as_view(), name="settings-members"),
    path("settings/security/", views.Security.as_view(), name="settings-security"),
    path("demo/", demo.Shop.as_view(), name="demo"),
    path("demo/bikes/<slug:slug>/", demo.Shop.as_view(), name="demo-product"),
]
