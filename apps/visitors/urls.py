from django.urls import path

from apps.visitors import api, email_api, identity_api, identity_views, people_api, people_views, views

api_v1 = [
    path("widget/boot", api.Boot.as_view()),
    path("widget/session", api.Session.as_view()),
    path("widget/session/refresh", api.SessionRefresh.as_view()),
    path("widget/visitor", api.OwnVisitor.as_view()),
    path("widget/visitor/email/codes", email_api.EmailCodes.as_view()),
    path("widget/visitor/email", email_api.EmailProof.as_view()),
    path("widget/events", api.TrackedEvents.as_view()),
    path("visitors", api.Directory.as_view()),
    path("visitors/<uuid:visitor_id>", people_api.DirectoryEntry.as_view()),
    path("visitors/<uuid:visitor_id>/block", people_api.Block.as_view()),
    path("visitors/<uuid:visitor_id>/candidates", people_api.Candidates.as_view()),
    path("visitors/<uuid:visitor_id>/merges", people_api.Merges.as_view()),
    path("visitors/<uuid:visitor_id>/merges/preview", people_api.MergePreview.as_view()),
    path("visitors/<uuid:visitor_id>/merges/<uuid:merge_id>", people_api.MergeView.as_view()),
    path("visitors/<uuid:visitor_id>/exports", people_api.Exports.as_view()),
    path("visitors/<uuid:visitor_id>/exports/<uuid:export_id>", people_api.ExportView.as_view()),
    path("erasures/<uuid:erasure_id>", people_api.ErasureView.as_view()),
    path("workspace/identity", identity_api.IdentityView.as_view()),
    path("workspace/identity/secrets", identity_api.Secrets.as_view()),
    path("workspace/identity/secrets/<uuid:secret_id>", identity_api.SecretView.as_view()),
    path("workspace/identity/secrets/<uuid:secret_id>/reveal", identity_api.Reveal.as_view()),
    path("workspace/identity/keys", identity_api.Keys.as_view()),
]

pages = [
    path("visitors/", views.Directory.as_view(), name="visitors"),
    path("visitors/<uuid:visitor_id>/", views.VisitorPage.as_view(), name="visitor"),
    path("visitors/<uuid:visitor_id>/block/", people_views.Block.as_view(), name="visitor-block"),
    path("visitors/<uuid:visitor_id>/merge/", people_views.MergePage.as_view(), name="visitor-merge"),
    path("visitors/<uuid:visitor_id>/merges/<uuid:merge_id>/undo/", people_views.Undo.as_view(), name="visitor-undo"),
    path("visitors/<uuid:visitor_id>/export/", people_views.ExportPage.as_view(), name="visitor-export-link"),
    path("visitors/<uuid:visitor_id>/erase/", people_views.ErasePage.as_view(), name="visitor-erase"),
    path("erasures/<uuid:erasure_id>/", people_views.ErasurePage.as_view(), name="visitor-erasure"),
    path("exports/<str:export_token>/", people_views.Download.as_view(), name="visitor-export"),
    path("settings/identity/", identity_views.IdentityPage.as_view(), name="settings-identity"),
    path("settings/identity/secrets/", identity_views.SecretsPage.as_view(), name="settings-identity-secrets"),
    path("settings/identity/keys/", identity_views.KeysPage.as_view(), name="settings-identity-keys"),
    path(
        "settings/identity/secrets/<uuid:secret_id>/revoke/",
        identity_views.Revoke.as_view(),
        name="settings-identity-revoke",
    ),
]
