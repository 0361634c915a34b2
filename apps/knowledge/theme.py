"""A workspace's colour on its help centre, with the text that can be read on it (WCAG 2: at least 4.5 : 1)."""

from __future__ import annotations

READABLE = 4.5


def theme_of(color: str) -> str:
    """Return the style sheet of a colour, given as #rrggbb."""
    return f":root {{ --brand: {color}; --brand-text: {_text_on(color)}; }}\n"


def _text_on(color: str) -> str:
    """Return white or black, whichever stands out more."""
    bright = _luminance(color)
    on_white, on_black = 1.05 / (bright + 0.05), (bright + 0.05) / 0.05
    return "#ffffff" if on_white >= min(READABLE, on_black) else "#000000"


def _luminance(color: str) -> float:
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
