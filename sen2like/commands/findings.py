"""What a check found: one line each."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sen2like.errors import ConfigurationError, Sen2LikeError

Level = Literal["ok", "warning", "error"]
_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


@dataclass(frozen=True)
class Finding:
    """``ok``: as it should be; ``warning``: runs go on without it, or may fail later; ``error``: a run fails."""

    level: Level
    subject: str
    text: str


def ok(subject: str, text: str) -> Finding:
    return Finding("ok", subject, text)


def warning(subject: str, text: str) -> Finding:
    return Finding("warning", subject, text)


def error(subject: str, text: str) -> Finding:
    return Finding("error", subject, text)


def errors(subject: str, cause: Sen2LikeError) -> list[Finding]:
    """An error for every problem that an exception tells."""
    return [error(subject, text) for text in (cause.problems if isinstance(cause, ConfigurationError) else [str(cause)])]


def unreadable(folder: Path) -> str:
    """Why the entries of a folder cannot be read; empty: they can."""
    try:
        with os.scandir(folder):
            return ""
    except FileNotFoundError:
        return f"{folder} does not exist; correct the path, or create it"
    except NotADirectoryError:
        return f"{folder} is not a folder; correct the path"
    except OSError as problem:
        return f"{folder} cannot be read: {problem.strerror}; check its permissions and mount"


def table(findings: Sequence[Finding]) -> str:
    """One row per finding, and a last line that counts; drawn in colour on a terminal, never cut elsewhere."""
    counts = {level: sum(finding.level == level for finding in findings) for level in _STYLES}
    last = ", ".join(f"{count} {level}{'s' if count != 1 and level != 'ok' else ''}" for level, count in counts.items() if count)
    if sys.stdout.isatty():
        drawn = Table("", "what", "finding")
        for finding in findings:
            drawn.add_row(Text(finding.level, style=_STYLES[finding.level]), Text(finding.subject), Text(finding.text))
        console = Console()
        with console.capture() as captured:
            console.print(drawn)
        return captured.get() + last
    width = max((len(finding.subject) for finding in findings), default=0)
    lines = [f"{f.level:7}  {f.subject:{width}}  {' '.join(f.text.split())}" for f in findings]
    return "\n".join([*lines, last])
