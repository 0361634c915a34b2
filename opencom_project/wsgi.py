"""The web process: pages, REST and the messenger's boot."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencom_project.settings")

application = get_wsgi_application()
