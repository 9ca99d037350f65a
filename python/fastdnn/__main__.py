"""`python -m fastdnn`: the command line."""

import sys

from fastdnn.cli import main

sys.exit(main())
