"""The configuration that the words of a command line ask for."""

from collections.abc import Mapping
from typing import Any

from sen2like.config import Config, default_configuration, load

_KEYS = {
    "wd": "wd",
    "debug": "debug",
    "intermediate_products": "generate_intermediate_products",
    "allow_other_srs": "allow_other_srs",
}
"""Option -> configuration key it sets."""


def configuration(given: Mapping[str, Any], searching: bool) -> Config:
    """Load ``--conf`` with ``--confParams`` and options applied. `searching`: product archives will be searched."""
    options: dict[str, object] = {key: given[name] for name, key in _KEYS.items() if name in given}
    if given.get("force"):
        options["if_exists"] = "replace"
    if given.get("l2a"):
        options["s2_processing_level"] = "LEVEL2A"
    path = given.get("conf") or default_configuration()
    return load(path, given.get("conf_params", []), options, searching=searching)
