"""The demo's pictures: drawn here, so that nobody's photograph is needed."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw, ImageFilter

SIZE = (960, 640)


def draw(name: str) -> bytes:
    """Return a PNG of something round and mechanical; the same name always gives the same picture."""
    chance = random.Random(name)
    base = tuple(chance.randrange(150, 220) for _ in range(3))
    image = Image.new("RGB", SIZE, base)
    pen = ImageDraw.Draw(image)
    for _ in range(14):
        x, y, reach = chance.randrange(SIZE[0]), chance.randrange(SIZE[1]), chance.randrange(40, 260)
        shade = tuple(max(0, channel - chance.randrange(10, 70)) for channel in base)
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=shade, width=chance.randrange(6, 28))
    image = image.filter(ImageFilter.GaussianBlur(3))
    pen = ImageDraw.Draw(image)
    x, y = SIZE[0] // 2, SIZE[1] // 2
    for reach in (210, 170, 60, 22):
        tone = chance.randrange(30, 110)
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=(tone, tone, tone + 6), width=12)
    kept = io.BytesIO()
    image.save(kept, "PNG")
    return kept.getvalue()
