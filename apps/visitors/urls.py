from django.urls import path

from apps.visitors import api, views

api_v1 = [
    path("widget/boot", api.Boot.as_view()),
    path("widget/session", api.Session.as_view()),
    path("widget/session/refresh", api.SessionRefresh.as_view()),
    path("widget/visitor", api.OwnVisitor.as_view()),
    path("widget/events", api.TrackedEvents.as_view()),
    path("visitors", api.Directory.as_view()),
    path("visitors/<uuid:visitor_id>", api.DirectoryEntry.as_view()),
]

pages = [
    path("visitors/", views.Directory.as_view(), name="visitors"),
    path("visitors/<uuid:visitor_id>/", views.VisitorPage.as_view(), name="visitor"),
]
