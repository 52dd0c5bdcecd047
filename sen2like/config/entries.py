"""`Entry`: one key of a configuration source, as text, with the place it comes from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """`text` is None for a null value (key without value, or the word ``None``)."""

    section: str
    key: str
    text: str | None
    origin: str
    """``file:line``, ``--confParams`` or ``option``."""
    rank: int = 0
    """Precedence: 0 file, 1 ``--confParams``, 2 command-line option."""


def null_or_text(text: str | None) -> str | None:
    return None if text is None or text.strip() == "None" else text
