"""Settings: one file, from the environment. ``docs/reference/settings.md`` lists every variable."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.utils.csp import CSP

from apps.core.database.roles import APP_ROLE
from opencom_project import environment as env

ROOT = Path(__file__).resolve().parent.parent

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.listing("SECRET_KEY_FALLBACKS")
ENCRYPTION_KEYS = env.encryption_keys("ENCRYPTION_KEYS")
STATE_DIR = Path(env.text("STATE_DIR", str(ROOT / ".state")))

# Where people reach us

PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
LIVE_URL = env.text("LIVE_URL", PUBLIC_URL).rstrip("/")
FILES_URL = env.text("FILES_URL", PUBLIC_URL).rstrip("/")
LIVE_SOCKET_URL = "ws" + LIVE_URL.removeprefix("http") + "/ws/"
LIVE_POLL_URL = LIVE_URL + "/live/poll"
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", urlsplit(PUBLIC_URL).hostname or "")
OWN_ORIGINS = [PUBLIC_URL, *env.listing("CSRF_TRUSTED_ORIGINS")]
CSRF_TRUSTED_ORIGINS = OWN_ORIGINS
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# What we are made of

INSTALLED_APPS = [
    "opencom_project.operators.OperatorsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "opencom_project",
    "apps.core",
    "apps.workspaces",
    "apps.visitors",
    "apps.knowledge",
    "apps.conversations",
    "apps.audit",
]
MIDDLEWARE = [
    "apps.core.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.cors.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
]
ROOT_URLCONF = "opencom_project.urls"
ASGI_APPLICATION = "opencom_project.asgi.application"
WSGI_APPLICATION = "opencom_project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.csp",
            ],
        },
    }
]

# Postgres: the only truth

DATABASES = {"default": env.database("DATABASE_URL")}
# Who may change the database's shape. Only `migrate` signs in as them; the application can't.
OWNER_DATABASE = env.database("OWNER_DATABASE_URL", "DATABASE_URL")
DATABASE_LOGIN = {name: DATABASES["default"][name] for name in ("USER", "PASSWORD")}
DATABASES["default"]["ENGINE"] = "apps.core.database"
DATABASES["default"]["SESSION_POOLER"] = env.flag("DATABASE_SESSION_POOLER")
DATABASES["default"]["OPTIONS"] |= {
    # Row-level security holds for this role, whoever signs in.
    "assume_role": APP_ROLE,
    # Postgres plans a statement once a connection: half of its time for a message was planning.
    "server_side_binding": True,
    "prepare_threshold": 5,
    "pool": {"min_size": 1, "max_size": env.number("DATABASE_POOL", 8), "timeout": 5},
    "options": "-c lock_timeout=2000 -c statement_timeout=10000 -c idle_in_transaction_session_timeout=30000"
    " -c hnsw.ef_search=200 -c hnsw.iterative_scan=relaxed_order",
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis: rumours, rates, and Celery's broker. Empty: everything works, slower.

REDIS_URL = env.text("REDIS_URL")
LIMITS_ENFORCED = env.flag("LIMITS_ENFORCED", default=True)

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1) or "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 240
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_TASK_DEFAULT_QUEUE = "normal"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300, "socket_timeout": 5, "socket_connect_timeout": 1}

# What may be fetched from outside: see apps/core/outbound.py

OUTBOUND_HTTP = env.flag("OUTBOUND_HTTP")
OUTBOUND_PORTS = [int(port) for port in env.listing("OUTBOUND_PORTS", "80,443")]
OUTBOUND_NETWORKS = env.networks("OUTBOUND_NETWORKS")

# Where visitors are: by a local file, or by a provider that speaks ip-api's protocol. Neither: nobody asks.

GEOIP_PATH = env.text("GEOIP_PATH")
GEOIP_URL = env.text("GEOIP_URL")
# Search by meaning: what new workspaces begin with

EMBEDDINGS = env.text("EMBEDDINGS", "local")
OPENAI_URL = env.text("OPENAI_URL", "https://api.openai.com/v1")

# Mail: effects hand it to this mailer

MAIL_FOLDER = STATE_DIR / "mail"
MAILERS = {"default": env.mailer("MAIL_URL", MAIL_FOLDER)}
MAIL_FROM = DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "Opencom <opencom@localhost>")
MAIL_VIEWER = env.flag("MAIL_VIEWER", default=DEBUG)

# People

SIGN_UP_OPEN = env.flag("SIGN_UP_OPEN")
AUTH_USER_MODEL = "workspaces.User"
LOGIN_URL = "/sign-in/"
SECOND_STEP_URL = "/sign-in/factor/"
ENROLMENT_URL = "/settings/second-factor/"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# How long a session really lasts is said by its row (apps/workspaces/user_sessions.py); the cookie must not end before it.
SESSION_COOKIE_AGE = 30 * 24 * 3600

# The edge

HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS and env.flag("SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^api/", r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:", "blob:", *([FILES_URL] if FILES_URL != PUBLIC_URL else [])],
    "connect-src": [CSP.SELF, LIVE_URL, "ws" + LIVE_URL.removeprefix("http")],
    "font-src": [CSP.SELF],
    "media-src": [CSP.SELF],
    "frame-src": [CSP.SELF],
    "frame-ancestors": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
DATA_UPLOAD_MAX_NUMBER_FILES = 5
FILE_UPLOAD_PERMISSIONS = 0o640
APPEND_SLASH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.core.authentication.ActorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["apps.core.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.parsing.Renderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.core.errors.error_response",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Opencom API",
    "DESCRIPTION": "Customer messaging: conversations, visitors, workspaces. Live data: see the live protocol's page.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "DISABLE_ERRORS_AND_WARNINGS": True,
    "AUTHENTICATION_WHITELIST": [],
    "ENUM_NAME_OVERRIDES": {
        "ArticleStatusEnum": "apps.knowledge.models.Article.Status",
        "ConversationStatusEnum": "apps.conversations.models.Conversation.Status",
    },
}

# Files

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(ROOT / "staticfiles")))
WIDGET_DIST = Path(env.text("WIDGET_DIST", str(ROOT / "widget" / "dist")))
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(STATE_DIR / "media")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

# Words and times

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "opencom_project.logs.LineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "WARNING"},
        "granian": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
    },
}

# What an address that others can reach must not have

if HTTPS:
    env.refuse(DEBUG, "DEBUG shows settings and code to everybody: unset it, or serve http:// on this machine only.")
    env.refuse("*" in ALLOWED_HOSTS, "Name the hosts in ALLOWED_HOSTS: with * anybody's host name is taken for ours.")
    env.refuse(len(SECRET_KEY) < 32, "SECRET_KEY can be guessed: use at least 32 random characters.")
    env.refuse(not LIMITS_ENFORCED, "Without LIMITS_ENFORCED passwords can be guessed at any speed.")
    env.refuse(MAIL_VIEWER, "MAIL_VIEWER shows everybody's codes and links: unset it.")
