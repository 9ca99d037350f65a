import ast
from pathlib import Path

from fastdnn import _core


def _kernels_named_in_tests():
    names = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "KERNELS":
                names.update(ast.literal_eval(node.value))
    return names


def test_every_kernel_is_tested():
    assert set(_core.testing.kernel_names()) == _kernels_named_in_tests()
