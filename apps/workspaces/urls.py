from django.urls import path

from apps.workspaces import accounts_api, accounts_links, accounts_settings, accounts_views, api, demo, views

api_v1 = [
    path("session", api.Session.as_view()),
    path("session/codes", accounts_api.Codes.as_view()),
    path("session/code", accounts_api.CodeSession.as_view()),
    path("password", accounts_api.Password.as_view()),
    path("invitations", accounts_api.Invitations.as_view()),
    path("invitations/accept", accounts_api.InvitationAcceptance.as_view()),
    path("invitations/<uuid:invitation_id>", accounts_api.InvitationView.as_view()),
    path("invitations/<uuid:invitation_id>/mail", accounts_api.InvitationMail.as_view()),
    path("workspace/sign-in", accounts_api.SignInPolicyView.as_view()),
    path("live/tickets", api.Tickets.as_view()),
    path("members", api.Members.as_view()),
    path("workspace", api.WorkspaceView.as_view()),
    path("workspace/messenger", api.MessengerView.as_view()),
    path("workspace/security", api.SecurityView.as_view()),
]

pages = [
    path("sign-in/", accounts_views.SignIn.as_view(), name="sign-in"),
    path("code/", accounts_views.Code.as_view(), name="code"),
    path("sign-up/", accounts_views.SignUp.as_view(), name="sign-up"),
    path("welcome/", accounts_views.Welcome.as_view(), name="welcome"),
    path("reset/", accounts_links.Reset.as_view(), name="reset"),
    path("reset/<str:token>/", accounts_links.NewPassword.as_view(), name="new-password"),
    path("invitations/<str:token>/", accounts_links.InvitationPage.as_view(), name="invitation"),
    path("first-run/", accounts_views.FirstRun.as_view(), name="first-run"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("settings/", views.Settings.as_view(), name="settings"),
    path("settings/messenger/", views.MessengerSettings.as_view(), name="settings-messenger"),
    path("settings/messenger/preview/", views.MessengerPreview.as_view(), name="settings-messenger-preview"),
    path("settings/installation/", views.Installation.as_view(), name="settings-installation"),
    path("settings/members/", views.Members.as_view(), name="settings-members"),
    path("settings/security/", views.Security.as_view(), name="settings-security"),
    path("settings/members/invitations/", accounts_settings.Invite.as_view(), name="invite"),
    path(
        "settings/members/invitations/<uuid:invitation_id>/mail/",
        accounts_settings.ResendInvitation.as_view(),
        name="invitation-resend",
    ),
    path(
        "settings/members/invitations/<uuid:invitation_id>/revoke/",
        accounts_settings.RevokeInvitation.as_view(),
        name="invitation-revoke",
    ),
    path("settings/security/sign-in/", accounts_settings.SignInSettings.as_view(), name="settings-sign-in"),
    path("settings/password/", accounts_settings.Password.as_view(), name="settings-password"),
    path("demo/", demo.Shop.as_view(), name="demo"),
    path("demo/bikes/<slug:slug>/", demo.Shop.as_view(), name="demo-product"),
]
