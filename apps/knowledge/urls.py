from django.urls import path

from apps.knowledge import api, collection_views, help_views, search_api, views
from apps.knowledge.snippets import api as snippets_api
from apps.knowledge.snippets import views as snippets_views

api_v1 = [
    path("articles", api.Articles.as_view()),
    path("articles/preview", api.Preview.as_view()),
    path("articles/assets", api.Assets.as_view()),
    path("articles/assets/<uuid:asset_id>", api.AssetView.as_view()),
    path("articles/<uuid:article_id>", api.ArticleView.as_view()),
    path("articles/<uuid:article_id>/text", api.ArticleText.as_view()),
    path("articles/<uuid:article_id>/status", api.ArticleStatus.as_view()),
    path("articles/<uuid:article_id>/versions", api.Versions.as_view()),
    path("articles/<uuid:article_id>/versions/<uuid:version_id>/restore", api.Restoring.as_view()),
    path("collections", api.Collections.as_view()),
    path("collections/<uuid:collection_id>", api.CollectionView.as_view()),
    path("collections/<uuid:collection_id>/place", api.CollectionPlace.as_view()),
    path("help-center", api.HelpCenterView.as_view()),
    path("search/articles", search_api.Finding.as_view()),
    path("search/gaps", search_api.Gaps.as_view()),
    path("search/gaps/<uuid:gap_id>", search_api.GapView.as_view()),
    path("search/embeddings", search_api.Embeddings.as_view()),
    path("snippets", snippets_api.Snippets.as_view()),
    path("snippets/preview", snippets_api.SnippetPreview.as_view()),
    path("snippets/<uuid:snippet_id>", snippets_api.SnippetView.as_view()),
    path("snippets/<uuid:snippet_id>/uses", snippets_api.SnippetUses.as_view()),
    path("visitors/<uuid:visitor_id>/snippets", snippets_api.FilledSnippets.as_view()),
]

pages = [
    path("knowledge/", views.Articles.as_view(), name="articles"),
    path("knowledge/new/", views.NewArticle.as_view(), name="article-new"),
    path("knowledge/articles/<uuid:article_id>/", views.ArticlePage.as_view(), name="article"),
    path("knowledge/articles/<uuid:article_id>/details/", views.Details.as_view(), name="article-details"),
    path("knowledge/articles/<uuid:article_id>/status/", views.Publishing.as_view(), name="article-status"),
    path("knowledge/articles/<uuid:article_id>/translations/", views.Translating.as_view(), name="article-translate"),
    path("knowledge/articles/<uuid:article_id>/delete/", views.Deleting.as_view(), name="article-delete"),
    path("knowledge/articles/<uuid:article_id>/versions/", views.Versions.as_view(), name="article-versions"),
    path(
        "knowledge/articles/<uuid:article_id>/versions/<uuid:version_id>/restore/",
        views.Restoring.as_view(),
        name="article-restore",
    ),
    path("knowledge/collections/", collection_views.CollectionsPage.as_view(), name="collections"),
    path("knowledge/collections/<uuid:collection_id>/", collection_views.CollectionPage.as_view(), name="collection"),
    path("knowledge/collections/<uuid:collection_id>/move/", collection_views.Moving.as_view(), name="collection-move"),
    path(
        "knowledge/collections/<uuid:collection_id>/delete/",
        collection_views.DeletingCollection.as_view(),
        name="collection-delete",
    ),
    path("settings/snippets/", snippets_views.Snippets.as_view(), name="settings-snippets"),
    path("settings/snippets/new/", snippets_views.NewSnippet.as_view(), name="settings-snippet-new"),
    path("settings/snippets/<uuid:snippet_id>/", snippets_views.SnippetPage.as_view(), name="settings-snippet"),
    path("settings/help-center/", views.HelpCenterPage.as_view(), name="settings-help-center"),
    path("help/<str:center>/", help_views.Home.as_view(), name="help"),
    path("help/<str:center>/search/", help_views.Search.as_view(), name="help-search"),
    path("help/<str:center>/sitemap.xml", help_views.Sitemap.as_view(), name="help-sitemap"),
    path("help/<str:center>/theme.css", help_views.Theme.as_view(), name="help-theme"),
    path("help/<str:center>/collections/<str:slug>/", help_views.CollectionPage.as_view(), name="help-collection"),
    path("help/<str:center>/articles/<str:slug>/", help_views.ArticlePage.as_view(), name="help-article"),
    path("help/<str:center>/articles/<str:slug>/feedback/", help_views.FeedbackPage.as_view(), name="help-feedback"),
    path("help/<str:center>/files/<uuid:asset_id>/<str:name>", help_views.AssetFile.as_view(), name="help-file"),
    path("knowledge-files/<str:token>/<str:name>", help_views.SignedAsset.as_view()),
]
