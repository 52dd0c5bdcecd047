"""INI and GIPP XML files, overrides and options -> one typed, validated `Config`."""

from sen2like.config.load import default_configuration, load
from sen2like.config.schema import Config

__all__ = ["Config", "default_configuration", "load"]
