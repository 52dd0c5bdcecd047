"""Numbers, times and names as people read them."""

from collections.abc import Sequence
from datetime import datetime

SATELLITES = {
    "S2A": "Sentinel-2A", "S2B": "Sentinel-2B", "S2C": "Sentinel-2C", "S2D": "Sentinel-2D",
    "LS8": "Landsat 8", "LS9": "Landsat 9",
}  # fmt: skip
MINUS = "\u2212"
STATUS_WORDS = {
    "done": "done", "failed": "failed", "skipped": "skipped", "interrupted": "interrupted", "pending": "not begun",
}  # fmt: skip


def satellite(code: str) -> str:
    return SATELLITES.get(code, code or "unknown sensor")


def number(value: float | None, decimals: int = 1, sign: bool = False) -> str:
    """``−1.5``; an en dash for what is not known."""
    if value is None:
        return "–"
    text = f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}"
    return text.replace("-", MINUS) if float(text) else f"{0:.{decimals}f}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``3 min 05 s``, ``2 h 10 min``"""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def memory(megabytes: float | None) -> str:
    if megabytes is None:
        return "–"
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def day(when: datetime | None) -> str:
    """``2 Jun 2021``"""
    return f"{when.day} {when:%b %Y}" if when else "no date"


def period(dates: Sequence[datetime]) -> str:
    """``2 – 23 Jun 2021``, ``28 May – 3 Jun 2021``; empty without dates."""
    if not dates:
        return ""
    first, last = min(dates), max(dates)
    if first.date() == last.date():
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {day(last)}"
    return f"{first.day} {first:%b} – {day(last)}" if first.year == last.year else f"{day(first)} – {day(last)}"


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
