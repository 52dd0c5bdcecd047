"""sen2like: one harmonised, gap-reduced surface reflectance time series from Sentinel-2 and Landsat 8/9."""

__version__ = "1.0.0.dev0"
