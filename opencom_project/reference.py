"""The reference page of the environment variables: found where they are read, explained here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from apps.core.reference.pages import page, table

HERE = Path(__file__).resolve().parent
HEADS = ("variable", "decides", "is", "default")
KINDS = {
    "text": "text",
    "secret": "text, required",
    "flag": "1 or 0",
    "number": "number",
    "listing": "texts, by commas",
    "encryption_keys": "32 random bytes each as base64url, by commas, required",
}
KINDS |= {"mailer": "smtp+tls://…, smtps://…, smtp://… or resend://key"}
KINDS |= {"networks": "addresses or networks, by commas", "database": "postgresql://…, required"}

DECIDES = {
    "DEBUG": "Shows errors in full and serves static files from their sources. Never where others can reach it.",
    "SECRET_KEY": "Signs sessions, file addresses and rate keys. The same for every process.",
    "SECRET_KEY_FALLBACKS": "Former secret keys, whose signatures are still taken.",
    "ENCRYPTION_KEYS": "Encrypts the secrets in the database: the first key encrypts, all decrypt. Keep a copy.",
    "STATE_DIR": "The folder for what the installation keeps beside its database.",
    "PUBLIC_URL": "Where people reach the web process. With https:// cookies and HSTS follow.",
    "LIVE_URL": "Where messengers and dashboards reach the live process; unset, the same origin.",
    "FILES_URL": "Where uploaded files are downloaded from; another host than the dashboard's is safer.",
    "ALLOWED_HOSTS": "The Host headers that are answered.",
    "CSRF_TRUSTED_ORIGINS": "More origins from which the dashboard may be used.",
    "TRUSTED_PROXIES": "Who may say in X-Forwarded-For and X-Forwarded-Proto where a request comes from.",
    "DATABASE_URL": "The Postgres, 16 or later, with pgvector, and the login of the application.",
    "OWNER_DATABASE_URL": "The same database as its owner, for `migrate` alone. Unset, the application's login is the owner.",
    "DATABASE_SESSION_POOLER": "Says that a pooler before Postgres keeps each connection to one session; without it none is accepted.",
    "DATABASE_POOL": "Connections a process holds at most.",
    "OUTBOUND_HTTP": "Whether addresses that people give us (webhooks, integrations) may be http://; else only https://.",
    "OUTBOUND_PORTS": "The ports that such addresses may have.",
    "OUTBOUND_NETWORKS": "Networks that such addresses may lead to although they aren't public.",
    "EMBEDDINGS": "The kind of embeddings that workspaces begin with.",
    "OPENAI_URL": "Where OpenAI's API is reached, by those workspaces that chose it.",
    "REDIS_URL": "Redis or Valkey for rumours, rates and Celery. Empty: everything works, slower.",
    "LIMITS_ENFORCED": "Whether rates count.",
    "MAIL_URL": "What carries mail. Empty: it stays in a folder under STATE_DIR.",
    "GEOIP_PATH": "A file in MaxMind's format (GeoLite2-City.mmdb) that says where addresses are. Empty: see GEOIP_URL.",
    "GEOIP_URL": "A provider that speaks ip-api's protocol, with {address} where the address stands. Empty, and no file: visitors aren't located.",
    "MAIL_FROM": "Who mail is from.",
    "MAIL_VIEWER": "Whether /mail/ shows the folder's mail to whoever sits at the machine. Never where others can reach it.",
    "SIGN_UP_OPEN": "Whether anybody may make an account with a workspace of their own.",
    "SSL_REDIRECT": "Whether pages asked for by http:// are redirected; the API never is.",
    "STATIC_ROOT": "Where collectstatic puts files.",
    "WIDGET_DIST": "Where the messenger's build lies.",
    "MEDIA_ROOT": "Where uploaded files lie.",
    "LOG_LEVEL": "The least important line that is logged.",
    "HOST": "The address that web and live bind.",
    "PORT": "The port of web.",
    "LIVE_PORT": "The port of live; unset, the one after the web's.",
    "WEB_WORKERS": "Processes of web.",
    "WEB_THREADS": "Threads of each web process.",
    "WORKER_QUEUES": "The lanes this worker pays.",
    "WORKER_CONCURRENCY": "Processes of the worker.",
}


@page("settings.md")
def settings_page() -> str:
    return f"""# Settings

Everything an operator decides is an environment variable. What a workspace decides is in its settings; what nobody has to decide is a
[limit](limits.md).

## The application

{table(HEADS, _application())}

## The processes

{table(HEADS, _processes())}"""


@page("security-cases.md")
def security_cases_page() -> str:
    # The tests aren't part of the product; whoever writes these pages has them.
    cases: Any = import_module("tests.security.cases")
    proven = cases.proofs()
    tested = [
        (id_, cases.CASES[id_].asked, cases.CASES[id_].expected, "<br>".join(f"`{test}`" for test in proven[id_]))
        for id_ in cases.catalogue()
        if id_ in cases.CASES
    ]
    left = [(id_, cases.reason(id_)) for id_ in cases.catalogue() if id_ not in cases.CASES]
    return f"""# Security cases

The negative cases of the security design: {len(tested)} are tested, {len(left)} concern nothing that exists.

## Tested

{table(("case", "what is tried", "what must happen", "tests"), tested)}

## Not applicable

{table(("case", "why"), left)}"""


def _application() -> Iterator[tuple[object, ...]]:
    for call in _calls("settings.py"):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr=kind), args=[ast.Constant(value=name), *rest]
            ):
                default = _default([*rest, *(keyword.value for keyword in call.keywords)])
                yield name, DECIDES[str(name)], KINDS[kind], default


def _processes() -> Iterator[tuple[object, ...]]:
    known = {row[0] for row in _application()}
    for call in _calls("processes.py"):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="environment"), attr="get"),
                args=[ast.Constant(value=str(name)), *rest],
            ):
                default = _default(rest)
                kind = "number" if default.isdigit() or name.endswith("PORT") else "text"
                if name not in known:
                    known.add(name)
                    yield name, DECIDES[name], kind, default


def _calls(module: str) -> Iterator[ast.Call]:
    """Yield the calls in a module of ours, in the order they are written."""
    tree = ast.parse((HERE / module).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    yield from sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _default(given: list[ast.expr]) -> str:
    """Return the default as it is written: a constant, the name of another variable, or what it is made of."""
    match given:
        case []:
            return ""
        case [ast.Constant(value=bool(value))]:
            return str(int(value))
        case [ast.Constant(value=value)]:
            return str(value)
    return f"`{ast.unparse(given[0])}`"
