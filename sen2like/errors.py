"""Every error the software raises on purpose: one tree, each class one sentence.

A message names the file or value, the cause, and what to do about it.
"""


class Sen2LikeError(Exception):
    """Something the user can understand and act on went wrong."""


class UsageError(Sen2LikeError):
    """The command line asks for something that does not exist or contradicts itself."""


class NothingToDo(Sen2LikeError):
    """The request is right, but there is nothing to process."""


class ConfigurationError(Sen2LikeError):
    """The configuration is missing, unreadable or invalid; holds every problem found."""

    def __init__(self, problems: "list[str] | str"):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class ProductError(Sen2LikeError):
    """An input product cannot be used as it is."""


class TileError(ProductError, UsageError):
    """The product is not of the tile that was asked for."""


class MetadataError(ProductError):
    """A metadata file is missing, not well formed, or lacks a mandatory element."""


class RasterError(ProductError):
    """A raster file is missing, truncated, or not on the grid it should be on."""


class AuxiliaryError(Sen2LikeError):
    """A reference image, CAMS file or other auxiliary data cannot be used."""


class BlockError(Sen2LikeError):
    """A processing block cannot do its work on this product or band."""


class PackagingError(Sen2LikeError):
    """An output product could not be written completely; nothing of it stays in the archive."""
