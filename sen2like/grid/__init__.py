"""MGRS tiles, WRS-2 scenes and GeoBox arithmetic."""
