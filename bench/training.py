"""How long does a step of training take, here and in other libraries?"""

import sys

from fastdnn.benchmark import main

sys.exit(main(["training", *sys.argv[1:]]))
