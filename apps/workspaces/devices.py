"""What a person needs to tell one of their sessions from another: which device, and roughly from where."""

from __future__ import annotations

import ipaddress

SYSTEMS = (
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android"),
    ("cros", "ChromeOS"),
    ("windows", "Windows"),
    ("mac os x", "macOS"),
    ("macintosh", "macOS"),
    ("linux", "Linux"),
)
PROGRAMS = (
    ("opencom", "Opencom app"),
    ("edg", "Edge"),
    ("opr/", "Opera"),
    ("samsungbrowser", "Samsung Internet"),
    ("firefox", "Firefox"),
    ("fxios", "Firefox"),
    ("crios", "Chrome"),
    ("headlesschrome", "Chrome"),
    ("chrome", "Chrome"),
    ("safari", "Safari"),
    ("curl", "curl"),
    ("okhttp", "An Android app"),
    ("cfnetwork", "An Apple app"),
)
"""What a user agent says, the telling words first: every browser claims to be some other too."""
UNKNOWN = "Unknown device"


def device_of(user_agent: str) -> str:
    """Return a user agent in a few words, such as “Firefox on Linux”. Nothing of its own text is kept."""
    said = user_agent.lower()
    program = next((name for word, name in PROGRAMS if word in said), "")
    system = next((name for word, name in SYSTEMS if word in said), "")
    return " on ".join(part for part in (program, system) if part) or UNKNOWN


def network_of(address: str) -> str:
    """Return the network of an address (IPv4 by its /24, IPv6 by its /48): enough to recognise, too little to follow anybody."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))
