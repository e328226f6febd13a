"""Runs the demo: `python -m demo`."""

import sys

from demo.scenes import main

sys.exit(main())
