"""How does every kernel compare with what one writes in NumPy?"""

import sys

from fastdnn.benchmark import main

sys.exit(main(["kernels", *sys.argv[1:]]))
