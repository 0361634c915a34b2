from django.urls import path

from apps.conversations import api, uploads, views

api_v1 = [
    path("conversations", api.Conversations.as_view()),
    path("conversations/counts", api.Counts.as_view()),
    path("conversations/bulk", api.Bulk.as_view()),
    path("conversations/<uuid:conversation_id>", api.ConversationView.as_view()),
    path("conversations/<uuid:conversation_id>/messages", api.Messages.as_view()),
    path("conversations/<uuid:conversation_id>/status", api.StatusView.as_view()),
    path("conversations/<uuid:conversation_id>/assignee", api.AssigneeView.as_view()),
    path("conversations/<uuid:conversation_id>/seen", api.SeenView.as_view()),
    path("conversations/<uuid:conversation_id>/draft", api.DraftView.as_view()),
    path("attachments", uploads.Attachments.as_view()),
    path("attachments/<uuid:attachment_id>", uploads.AttachmentView.as_view()),
]

pages = [
    path("files/<str:token>/<str:name>", uploads.SignedFile.as_view()),
    path("attachments/<uuid:attachment_id>/", uploads.MemberFile.as_view(), name="attachment"),
    path("", views.Home.as_view(), name="home"),
    path("inbox/", views.Inbox.as_view(), name="inbox"),
    path("inbox/assignees/", views.Assignees.as_view(), name="inbox-assignees"),
    path("inbox/messages/<uuid:conversation_id>/", views.Messages.as_view(), name="inbox-messages"),
    path("inbox/<slug:view>/", views.Inbox.as_view(), name="inbox-view"),
    path("inbox/<slug:view>/<uuid:conversation_id>/", views.Inbox.as_view(), name="inbox-conversation"),
]
