"""``python -m sen2like`` is the command ``sen2like``."""

import sys

from sen2like.cli import main

if __name__ == "__main__":
    sys.exit(main())
