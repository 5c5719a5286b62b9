"""One line of the log stays one line, whatever a person or a guest put into it."""

from __future__ import annotations

import logging

from kvmweb.core import plain

LINE_MAX = 4000


class Lines(logging.Formatter):
    """Control and direction characters in messages are written as `\\u000a`; traces are ours."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line before its trace."""
        record.message = plain.line(record.message, LINE_MAX)
        return super().formatMessage(record)
