"""Run the command from a checkout: `PYTHONPATH=workflow python -m nodules score ...`."""

import sys

from nodules.cli.main import main

sys.exit(main())
