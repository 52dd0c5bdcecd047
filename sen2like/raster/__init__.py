"""Image arrays on a grid; reading, shifting and writing rasters."""
