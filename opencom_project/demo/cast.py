"""Who appears in the demo: the shop's team and the people on its site."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PASSWORD = "long-way-round"
"""Everybody's in the demo's team; it is public, so the demo is for machines that only their owner reaches."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """One of the shop's team."""

    handle: str
    name: str
    email: str
    role: str


TEAM = (
    Colleague("a", "Ada Okafor", "ada@acme.example", "owner"),
    Colleague("b", "Ben Fischer", "ben@acme.example", "agent"),
    Colleague("c", "Chloé Martin", "chloe@acme.example", "agent"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the shop's site. Without a name they are known by their readable id."""

    handle: str
    name: str
    email: str
    locale: str
    timezone: str
    page: str
    device: dict[str, str]
    referrer: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


def _device(browser: str, version: str, os: str, type_: str) -> dict[str, str]:
    return {"browser": browser, "browser_version": version, "os": os, "type": type_}


IPHONE = _device("Safari", "19.1", "iOS", "mobile")
IPAD = _device("Safari", "19.1", "iPadOS", "tablet")
PIXEL = _device("Chrome", "149", "Android", "mobile")
WINDOWS = _device("Edge", "149", "Windows", "desktop")
MAC = _device("Safari", "19.1", "macOS", "desktop")
LINUX = _device("Firefox", "148", "Linux", "desktop")

PAGES = {
    "": "Bikes for the way you actually ride",
    "commuter": "The Commuter",
    "gravel": "The Gravel",
    "stepover": "The Stepover",
    "cargo": "The Cargo",
    "tourer": "The Tourer",
    "single": "The Single",
}
"""The pages of the shop: the end of the address, and the title."""

GOOGLE = "https://www.google.com/"
FORUM = "https://forum.example.org/t/steel-tourers-under-2000/4471"

PEOPLE = (
    Person("marta", "Marta Kowalska", "marta.k@example.net", "pl-PL", "Europe/Warsaw", "gravel", PIXEL, GOOGLE),
    Person(
        "james",
        "James Whitfield",
        "jwhitfield@example.com",
        "en-GB",
        "Europe/London",
        "commuter",
        IPHONE,
        attributes={"plan": "Service Plus", "orders": 2, "last_order": "AB-20418"},
    ),
    Person(
        "yuki", "田中 由紀", "yuki.tanaka@example.jp", "ja-JP", "Asia/Tokyo", "tourer", MAC, attributes={"orders": 1}
    ),
    Person("omar", "عمر الحسيني", "omar.h@example.org", "ar-JO", "Asia/Amman", "cargo", PIXEL),
    Person("noa", "נועה לוי", "noa.levi@example.org", "he-IL", "Asia/Jerusalem", "stepover", IPHONE, GOOGLE),
    Person("lucas", "Lucas Ferreira", "lucas@example.com.br", "pt-BR", "America/Sao_Paulo", "single", LINUX, FORUM),
    Person("emma", "Emma de Vries", "emma@example.nl", "nl-NL", "Europe/Amsterdam", "cargo", IPAD, GOOGLE),
    Person(
        "hubert",
        "Hubert Blaine Wolfeschlegelsteinhausenbergerdorff of the North Yorkshire Moors Friends of Steel Touring Bicycles",
        "secretary.and.treasurer@friends-of-steel-touring-bicycles.example.org",
        "en-GB",
        "Europe/London",
        "tourer",
        WINDOWS,
        FORUM,
        {"club": "Friends of Steel Touring Bicycles", "members": 412},
    ),
    Person("priya", "Priya Raman", "priya.raman@example.in", "en-IN", "Asia/Kolkata", "commuter", PIXEL),
    Person("tom", "Tom", "", "en-US", "America/Denver", "gravel", MAC),
    Person("anon1", "", "", "de-DE", "Europe/Berlin", "stepover", LINUX, GOOGLE),
    Person("anon2", "", "", "en-US", "America/New_York", "", IPHONE),
    Person("anon3", "", "", "es-ES", "Europe/Madrid", "cargo", PIXEL, "https://www.bing.com/"),
    Person("anon4", "", "", "fr-FR", "Europe/Paris", "single", WINDOWS),
    Person("anon5", "", "", "en-AU", "Australia/Sydney", "tourer", IPAD),
    Person("greta", "Greta Lindqvist", "greta@example.se", "sv-SE", "Europe/Stockholm", "cargo", IPHONE),
    Person("diego", "Diego Álvarez", "diego.alvarez@example.es", "es-ES", "Europe/Madrid", "gravel", WINDOWS),
    Person("sofie", "Sofie Nørgaard", "sofie@example.dk", "da-DK", "Europe/Copenhagen", "cargo", MAC, GOOGLE),
    Person("ahmet", "Ahmet Yılmaz", "ahmet@example.com.tr", "tr-TR", "Europe/Istanbul", "commuter", PIXEL),
    Person("linh", "Nguyễn Thùy Linh", "linh@example.vn", "vi-VN", "Asia/Ho_Chi_Minh", "single", IPHONE),
    Person("klaus", "Klaus-Dieter Brandt", "kd.brandt@example.de", "de-DE", "Europe/Berlin", "tourer", WINDOWS, FORUM),
    Person("aoife", "Aoife Ní Bhriain", "aoife@example.ie", "en-IE", "Europe/Dublin", "stepover", IPHONE),
    Person("marco", "Marco Bianchi", "m.bianchi@example.it", "it-IT", "Europe/Rome", "gravel", MAC),
    Person("helen", "Helen Adeyemi", "helen.adeyemi@example.com", "en-NG", "Africa/Lagos", "commuter", PIXEL, GOOGLE),
    Person("ivan", "Иван Петров", "ivan.petrov@example.org", "bg-BG", "Europe/Sofia", "single", LINUX),
    Person("chen", "陈思远", "siyuan.chen@example.cn", "zh-CN", "Asia/Shanghai", "gravel", WINDOWS),
    Person(
        "rachel",
        "Rachel Cohen",
        "rachel@example.com",
        "en-US",
        "America/New_York",
        "cargo",
        MAC,
        attributes={"orders": 1},
    ),
    Person("mohamed", "Mohamed Benali", "m.benali@example.ma", "fr-MA", "Africa/Casablanca", "commuter", PIXEL),
    Person("ingrid", "Ingrid Solberg", "ingrid@example.no", "nb-NO", "Europe/Oslo", "tourer", IPAD),
    Person("paul", "Paul O’Connor", "paul.oconnor@example.com", "en-US", "America/Chicago", "commuter", WINDOWS),
    Person("zofia", "Zofia Wiśniewska", "zofia@example.pl", "pl-PL", "Europe/Warsaw", "stepover", IPHONE),
    Person("kwame", "Kwame Mensah", "kwame@example.com.gh", "en-GH", "Africa/Accra", "single", PIXEL),
)
