"""Which of Postgres' ways to stem words goes with a language."""

from __future__ import annotations

SIMPLE = "simple"
CONFIGS = {
    "ar": "arabic",
    "hy": "armenian",
    "eu": "basque",
    "ca": "catalan",
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "ga": "irish",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nb": "norwegian",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""What Postgres 16 and later have. Words of other languages are taken as they are."""


def config_of(language: str) -> str:
    """Return the configuration for a language tag such as ``pt-BR``."""
    return CONFIGS.get(language.partition("-")[0].lower(), SIMPLE)
