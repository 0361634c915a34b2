"""Log lines: one event one line, whatever is in it, and no secret whatever anybody logs."""

from __future__ import annotations

import logging
import re

SECRETS = re.compile(r"\b(wst_|oca_|ort_|inv_|rst_|whsec_|ivs_|exp_)[0-9A-Za-z]+")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class LineFormatter(logging.Formatter):
    """``time level logger message``; control characters escaped, tokens cut."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = SECRETS.sub(r"\1…", super().format(record))
        first, *rest = line.split("\n")
        return "\n".join([CONTROL.sub("�", first), *(CONTROL.sub("�", f"  {more}") for more in rest)])
