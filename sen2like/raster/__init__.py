"""Images on their grids, and reading, framing and writing them."""

import os

os.environ.setdefault("GDAL_CACHEMAX", "64")
"""MB. Every block is read and written once: GDAL's usual cache would hold a second copy of the images in work."""
