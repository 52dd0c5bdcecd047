"""Pure functions on numpy arrays: no files, no configuration, no logging."""
