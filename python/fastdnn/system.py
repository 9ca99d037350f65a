"""The machine: what fastdnn found, and how many threads it uses."""

from typing import Any

from fastdnn import _core
from fastdnn.checks import at_least

MATMUL_PRECISIONS = ("highest", "high", "medium")


def show_config() -> dict[str, Any]:
    """Print and return what fastdnn is and what it found on this machine.

    >>> config = show_config()  # doctest: +ELLIPSIS
    fastdnn ...
    >>> config["matmul_precision"]
    'highest'
    """
    features = _core.cpu_features()
    config = {
        "version": _core.__version__,
        "cpu": features.pop("model"),
        "isa_level": _core.isa_level(),
        "supported_isa_levels": _core.supported_isa_levels(),
        "available_cpus": _core.available_cpus(),
        "threads": _core.num_threads(),
        "matmul_precision": _core.matmul_precision(),
    }
    found = ", ".join(name for name, present in features.items() if present)
    print(f"fastdnn {config['version']}")
    print(f"CPU: {config['cpu']} ({found})")
    print(f"Kernels: {config['isa_level']}; this CPU has {_listed(config)}")
    print(f"Threads: up to {config['threads']} of {config['available_cpus']} CPUs")
    print(f"Precision of products: {config['matmul_precision']}")
    return config


def set_num_threads(count: int) -> None:
    """Use at most this many threads; small problems use fewer.

    Results do not depend on it.

    Args:
        count: an integer of at least 1.

    Raises:
        ValueError: if it is not.

    >>> import fastdnn as fd
    >>> before = fd.get_num_threads()
    >>> fd.set_num_threads(1)
    >>> fd.set_num_threads(before)
    """
    _core.set_num_threads(at_least("set_num_threads", "count", count, 1))


def get_num_threads() -> int:
    """Return the greatest number of threads that is used.

    >>> import fastdnn as fd
    >>> fd.get_num_threads() >= 1
    True
    """
    return int(_core.num_threads())


def set_matmul_precision(precision: str) -> None:
    """Choose how accurate products of float32 matrices are, in training and prediction.

    What is below "highest" is faster where the processor has AMX, and "medium" also where it has
    AVX512_BF16, for products that are large enough; elsewhere all three are the same. Sums are
    float32 in any case, and results do not depend on the number of threads. The names are those of
    PyTorch's `set_float32_matmul_precision`.

    Args:
        precision: "highest", as accurate as float32 (the default); "high", with 16 bits of every
            number, an error of at most 1.5e-5 of the result's norm unless sums cancel; or
            "medium", with 8 bits (bfloat16), an error of at most 8e-3; numbers and sums below
            1.2e-38 may then count as zero, and numbers above 3.396e38 as infinite.

    Raises:
        ValueError: if it is none of them.

    >>> import fastdnn
    >>> fastdnn.set_matmul_precision("high")
    >>> fastdnn.get_matmul_precision()
    'high'
    >>> fastdnn.set_matmul_precision("highest")
    """
    if precision not in MATMUL_PRECISIONS:
        raise ValueError(
            f"[set_matmul_precision] precision: received {precision!r}; expected 'highest', 'high' "
            "or 'medium'"
        )
    _core.set_matmul_precision(precision)


def get_matmul_precision() -> str:
    """Return what `set_matmul_precision` has set.

    >>> import fastdnn as fd
    >>> fd.get_matmul_precision()
    'highest'
    """
    return str(_core.matmul_precision())


def _listed(config: dict[str, Any]) -> str:
    return ", ".join(config["supported_isa_levels"])
