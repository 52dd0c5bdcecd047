"""Data that are neither input nor output: reference images, CAMS, elevation and the like."""
