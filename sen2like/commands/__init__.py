"""Companion commands: what a user does around a run (``check``, ``list``, ``stac``, ``report``, ``clean``), one module each."""
