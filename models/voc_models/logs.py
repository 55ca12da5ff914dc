"""Log lines for people, or one JSON object a line for a collector."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Literal

#: What a record may say besides, by logging's ``extra``.
FIELDS = ("run", "building", "job")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message; run, building, job and traceback when there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None))}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(level: str, form: Literal["text", "json"]) -> None:
    """Send log records of ``level`` and above to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # boto3 and its parts log every request at INFO and credentials' sources at DEBUG.
    for name in ("botocore", "boto3", "urllib3", "s3transfer"):
        logging.getLogger(name).setLevel(logging.WARNING)
