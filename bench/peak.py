"""How much of the processor's peak does GEMM reach?"""

import sys

from fastdnn.benchmark import main

sys.exit(main(["peak", *sys.argv[1:]]))
