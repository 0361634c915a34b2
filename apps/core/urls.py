from django.urls import path

from apps.core.mail import viewer

pages = [
    path("mail/", viewer.Mails.as_view(), name="mail"),
    path("mail/<slug:mail>/", viewer.MailPage.as_view(), name="mail-message"),
    path("mail/<slug:mail>/html/", viewer.MailHtml.as_view(), name="mail-html"),
]
