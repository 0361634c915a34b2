"""What languages call themselves."""

from __future__ import annotations

from django.conf.locale import LANG_INFO


def name_of(code: str) -> str:
    """Return a language's own name, such as Deutsch; its tag where nobody knows one."""
    info = LANG_INFO.get(code.lower()) or LANG_INFO.get(code.split("-", maxsplit=1)[0].lower()) or {}
    name = str(info.get("name_local") or code)
    return name[:1].upper() + name[1:]


def choices() -> list[tuple[str, str]]:
    """Return the languages to choose from, by their names."""
    found = {_tag(code) for code, info in LANG_INFO.items() if "name_local" in info and len(_tag(code)) <= 5}
    return sorted(((code, f"{name_of(code)} ({code})") for code in found), key=lambda choice: choice[1].casefold())


def _tag(code: str) -> str:
    language, _, region = code.partition("-")
    return f"{language}-{region.upper()}" if len(region) == 2 else (code if not region else language)
