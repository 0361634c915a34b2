"""A deployment: what it refuses to start with, what every answer carries, and what isn't there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from tests import factories
from tests.callers import nobody
from tests.processes import database_url
from tests.security.cases import case

HOST = "chat.example.test"
GOOD = {
    "SECRET_KEY": "a-secret-key-for-tests-that-is-long-enough-to-be-taken-0123456789",
    "PUBLIC_URL": f"https://{HOST}",
    "ALLOWED_HOSTS": HOST,
    "CSRF_TRUSTED_ORIGINS": f"https://{HOST}",
    "DJANGO_SETTINGS_MODULE": "opencom_project.settings",
}
OURS = (
    "DEBUG",
    "LIVE_URL",
    "FILES_URL",
    "TRUSTED_PROXIES",
    "LIMITS_ENFORCED",
    "TEST_DATABASE_TEMPLATE",
    "OWNER_DATABASE_URL",
    "SSL_REDIRECT",
)


def environment(**changed: str) -> dict[str, str]:
    """Return a deployment's environment, with some of it changed; an empty text leaves a variable out."""
    base = {name: value for name, value in os.environ.items() if name not in OURS}
    whole = {**base, **GOOD, "DATABASE_URL": database_url(str(connection.settings_dict["NAME"])), **changed}
    return {name: value for name, value in whole.items() if value or name == "REDIS_URL"}


def started(**changed: str) -> subprocess.CompletedProcess[str]:
    """Load the settings as every process does first."""
    command = [sys.executable, "-c", "from django.conf import settings; settings.DEBUG; print('started')"]
    return subprocess.run(
        command, cwd=settings.ROOT, env=environment(**changed), text=True, capture_output=True, check=False
    )


# Starting


@case("K01")
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"DEBUG": "1"}, "DEBUG"),
        ({"DEBUG": "maybe"}, "DEBUG must be 1 or 0"),
        ({"SECRET_KEY": ""}, "Set SECRET_KEY"),
        ({"SECRET_KEY": "secret"}, "SECRET_KEY can be guessed"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": f"{HOST},*"}, "ALLOWED_HOSTS"),
        ({"LIMITS_ENFORCED": "0"}, "LIMITS_ENFORCED"),
        ({"MAIL_VIEWER": "1"}, "MAIL_VIEWER"),
        ({"MAIL_URL": "mail.example.com"}, "MAIL_URL must be like"),
        ({"DATABASE_URL": ""}, "Set DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///opencom.db"}, "Set DATABASE_URL"),
        ({"TRUSTED_PROXIES": "everybody"}, "TRUSTED_PROXIES must be addresses"),
        ({"DATABASE_POOL": "many"}, "DATABASE_POOL must be a whole number"),
        ({"DJANGO_SETTINGS_MODULE": "opencom_project.settings_test"}, "for tests"),
    ],
    ids=str,
)
def test_a_deployment_does_not_start_with_what_nobody_can_mean(
    django_db_setup: None, changed: dict[str, str], says: str
) -> None:
    done = started(**changed)
    assert done.returncode != 0
    assert says in done.stderr.splitlines()[-1]
    assert GOOD["SECRET_KEY"] not in done.stderr


@case("K01")
@pytest.mark.parametrize(
    "changed", [{}, {"PUBLIC_URL": "http://127.0.0.1:8000", "DEBUG": "1", "SECRET_KEY": "short"}], ids=str
)
def test_it_starts_with_what_is_meant(django_db_setup: None, changed: dict[str, str]) -> None:
    assert started(**changed).stdout == "started\n"


# What every answer carries

ASKS = """
import io, json, sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.templatetags.static import static
from django.test import Client
call_command("collectstatic", "--no-input", verbosity=0)
call_command("check", "--deploy", "--fail-level", "WARNING", stdout=io.StringIO(), stderr=sys.stderr)
email, password, workspace = sys.argv[1:4]
found = {}
def ask(name, client, path, data=None, *, secure=True, **headers):
    answer = client.generic("GET" if data is None else "POST", path, json.dumps(data) if data else "", "application/json",
        headers={"Host": "chat.example.test", **headers}, secure=secure)
    found[name] = {"status": answer.status_code, "headers": dict(answer.headers), "cookies": {n: dict(m) for n, m in answer.cookies.items()}}
    return answer
nobody, member = Client(), Client()
ask("static", nobody, static("css/base.css"))
ask("health", nobody, "/healthz")
ask("page", nobody, "/sign-in/")
ask("missing page", nobody, "/nothing/")
ask("docs", nobody, "/api/docs/")
ask("schema", nobody, "/api/openapi.json")
ask("operators", nobody, "/admin/login/")
ask("refused", nobody, "/api/v1/session")
ask("boot", nobody, "/api/v1/widget/boot", {"workspace": workspace, "session_id": "A" * 32}, Origin="https://shop.example")
ask("signed in", member, "/api/v1/session", {"email": email, "password": password})
ask("inbox", member, "/inbox/")
ask("api", member, "/api/v1/conversations")
ask("plain page", nobody, "/sign-in/", secure=False)
ask("plain api", nobody, "/api/v1/session", secure=False)
ask("other host", nobody, "/sign-in/", Host="evil.example")
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def answers(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What a process with a deployment's settings answers to everything."""
    from tests.database import empty

    with django_db_blocker.unblock():
        owner = factories.owner_of(factories.make_workspace())
        owner.user.set_password(factories.PASSWORD)
        owner.user.save()
        folder = tmp_path_factory.mktemp("deployment")
        whole = environment(STATIC_ROOT=str(folder / "static"), MEDIA_ROOT=str(folder / "media"), REDIS_URL="")
        whole["DJANGO_SETTINGS_MODULE"] = "opencom_project.settings"
        command = [sys.executable, "-c", ASKS, owner.user.email, factories.PASSWORD, str(owner.workspace_id)]
        with_hash = User_with_real_hash(owner.user)
        done = subprocess.run(command, cwd=settings.ROOT, env=whole, text=True, capture_output=True, check=False)
        with_hash.restore()
        assert done.returncode == 0, done.stderr[-3000:]
        yield json.loads(done.stdout.splitlines()[-1])
        empty()


class User_with_real_hash:  # noqa: N801
    """A deployment takes no passwords hashed for tests: give the account one that it takes."""

    def __init__(self, user: Any) -> None:
        from django.contrib.auth.hashers import Argon2PasswordHasher

        self.user, self.before = user, user.password
        hasher = Argon2PasswordHasher()
        user.password = hasher.encode(factories.PASSWORD, hasher.salt())
        user.save(update_fields=["password"])

    def restore(self) -> None:
        self.user.password = self.before
        self.user.save(update_fields=["password"])


ALL = [
    "static",
    "health",
    "page",
    "missing page",
    "docs",
    "schema",
    "operators",
    "refused",
    "boot",
    "signed in",
    "inbox",
    "api",
]
HTML = ["page", "missing page", "docs", "operators", "inbox"]


@case("S08", "K02")
def test_everything_was_answered_as_it_should(answers: Any) -> None:
    assert {name: answers[name]["status"] for name in ALL} == {
        **dict.fromkeys(ALL, 200), "missing page": 404, "refused": 401
    }  # fmt: skip


@case("S08")
@pytest.mark.parametrize("name", ALL)
def test_every_answer_carries_what_a_browser_must_know(answers: Any, name: str) -> None:
    headers = answers[name]["headers"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    if name != "static":
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert not {"Server", "X-Powered-By"} & set(headers)


@case("S08", "S07")
@pytest.mark.parametrize("name", HTML)
def test_a_page_runs_nothing_but_our_own(answers: Any, name: str) -> None:
    policy = dict(
        [*part.strip().split(" ", 1), ""][:2] for part in answers[name]["headers"]["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == policy["frame-ancestors"] == "'self'"
    assert "unsafe" not in str(policy)
    assert answers[name]["headers"]["X-Frame-Options"] == "DENY"


@case("S08")
def test_cookies_are_bound_to_the_host_and_to_https(answers: Any) -> None:
    cookies = answers["signed in"]["cookies"]
    assert set(cookies) == {"__Host-session", "__Host-csrf"}
    for name, cookie in cookies.items():
        assert cookie["secure"] is True
        assert cookie["path"] == "/"
        assert not cookie["domain"]
        assert cookie["samesite"] == "Lax"
        assert bool(cookie["httponly"]) is (name == "__Host-session"), "the page's scripts send the form token back"


@case("S08")
def test_pages_move_to_https_and_the_api_does_not_answer_elsewhere(answers: Any) -> None:
    assert answers["plain page"]["status"] == 301
    assert answers["plain page"]["headers"]["Location"] == f"https://{HOST}/sign-in/"
    assert answers["plain api"]["status"] == 401
    assert answers["other host"]["status"] == 400


# What isn't there


@case("K05")
@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/metrics", "/debug", "/__debug__/", "/silk/", "/status", "/server-status", "/actuator/health", "/.git/config", "/.env", "/config.json",
        "/test", "/seed", "/reset", "/api/v1/test", "/api/v1/seed", "/api/v1/users", "/api/v1/effects", "/graphql", "/api/", "/api/v1/",
        "/media/", "/attachments/", "/files/", "/static/js/live.js.map", "/widget/opencom.js.map", "/widget/a/x.js.map", "/widget/../settings.py",
        "/widget/a/..%2f..%2fmanifest.json", "/static/../manage.py", "/static/%2e%2e/manage.py", "/robots.txt/..;/admin",
    ],
)  # fmt: skip
def test_an_address_that_others_have_is_not_here(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 404
    assert b"Traceback" not in answer.content
    assert b"urlpatterns" not in answer.content


@case("K05")
@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "?full", "?full=1", "?verbose=true&format=json"])
def test_the_health_of_a_process_is_all_it_tells(query: str) -> None:
    assert nobody().client.get(f"/healthz{query}").content == b"ok"
