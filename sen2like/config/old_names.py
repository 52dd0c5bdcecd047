"""Names of earlier releases and manuals that are still understood, each with one notice (spec 01 section 2.6)."""

from collections.abc import Callable
from dataclasses import replace

from sen2like.config.entries import Entry
from sen2like.config.types import FALSE, TRUE

OLD_SECTIONS: dict[str, str | None] = {"Downloader": "InputProductArchive", "DemDownloader": None}
"""Old section -> its name of today, None when it has no meaning any more."""
RENAMED = {"S2_processing_level": "s2_processing_level", "force_geometry_correction": "force_geometric_correction"}
IGNORED = frozenset({
    "reframe_margin", "freeze_dx_dy", "dem_dir", "download_if_unavailable", "dem_dataset_name", "dem_local_url",
    "dem_tmp_local_url", "archive_format", "dem_product_name", "dem_server_url", "tile_format", "tile_size",
})  # fmt: skip

Merged = dict[str, Entry]


def translate(merged: Merged) -> tuple[list[str], list[str]]:
    """Replace old names in `merged` (key -> winning entry) by today's, in place; -> (notices, problems).

    A value given under today's name wins over an old name of the same or a lower precedence.
    """
    notices: list[str] = []
    problems: list[str] = []
    for key in sorted(merged.keys() & (OLD_KEYS.keys() | IGNORED), key=list(merged).index):
        entry = merged.pop(key)
        if key in IGNORED:
            notices.append(f"{entry.origin}: {key} has no meaning any more and is ignored")
            continue
        try:
            notices.append(f"{entry.origin}: {key} is an old name: {OLD_KEYS[key](merged, entry)}")
        except ValueError as error:
            problems.append(f"{entry.origin}: {key} = {entry.text!r}: expected {error}")
    return notices, problems


def _set(merged: Merged, key: str, text: str | None, entry: Entry) -> bool:
    """Give `key` the value unless it is set with at least the precedence of `entry`; -> was it set?"""
    if key in merged and merged[key].rank >= entry.rank:
        return False
    merged[key] = replace(entry, key=key, text=text)
    return True


def _switch(entry: Entry) -> bool:
    word = (entry.text or "").strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError("True or False")
    return word in TRUE


def _rename(new: str) -> Callable[[Merged, Entry], str]:
    def apply(merged: Merged, entry: Entry) -> str:
        return f"read as {new}" if _set(merged, new, entry.text, entry) else f"ignored, because {new} is set"

    return apply


def _geometry_klt(merged: Merged, entry: Entry) -> str:
    on = str(_switch(entry))
    done = [key for key in ("doGeometry", "doGeometryCheck") if _set(merged, key, on, entry)]
    return f"read as {' and '.join(f'{key}={on}' for key in done)}" if done else "ignored, because doGeometry is set"


def _packager(merged: Merged, entry: Entry) -> str:
    on = _switch(entry)
    if any(key in merged and merged[key].rank >= entry.rank for key in ("doPackagerL2H", "doPackagerL2F")):
        return "ignored, because doPackagerL2H or doPackagerL2F is set"
    fusion = on and "doFusion" in merged and (merged["doFusion"].text or "").strip().lower() in TRUE
    _set(merged, "doPackagerL2H", str(on), entry)
    _set(merged, "doPackagerL2F", str(fusion), entry)
    return f"read as doPackagerL2H={on} and doPackagerL2F={fusion}; the layout of V1.2 is not written any more"


def _atmcor_method(merged: Merged, entry: Entry) -> str:
    word = (entry.text or "").strip().upper()
    if word not in ("SMAC", "SEN2COR"):
        raise ValueError("SMAC or SEN2COR")
    on = str(word == "SEN2COR")
    return f"read as use_sen2cor={on}" if _set(merged, "use_sen2cor", on, entry) else "ignored, because use_sen2cor is set"


def _cog(merged: Merged, entry: Entry) -> str:
    name = "COG" if _switch(entry) else "GTIFF"
    done = _set(merged, "output_format", name, entry)
    return f"read as output_format={name}" if done else "ignored, because output_format is set"


OLD_KEYS: dict[str, Callable[[Merged, Entry], str]] = {
    "doGeometryKLT": _geometry_klt,
    "doPackager": _packager,
    "atmcor_method": _atmcor_method,
    "COG": _cog,
    **{old: _rename(new) for old, new in RENAMED.items()},
}
"""Old key -> what it does to the merged entries; returns the words of the notice, ValueError(what is expected)."""
