"""Runs sen2like from a checkout: ``python Sen2Like.py product-mode PRODUCT --tile TILE``."""

import sys

from sen2like.cli import main

if __name__ == "__main__":
    sys.exit(main())
