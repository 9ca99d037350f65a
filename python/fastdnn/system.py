"""The machine: what fastdnn found, and how many threads it uses."""

from typing import Any

from fastdnn import _core


def show_config() -> dict[str, Any]:
    """Print and return what fastdnn is and what it found on this machine.

    >>> sorted(show_config())  # doctest: +ELLIPSIS
    fastdnn ...
    ['available_cpus', 'cpu', 'isa_level', 'supported_isa_levels', 'threads', 'version']
    """
    features = _core.cpu_features()
    config = {
        "version": _core.__version__,
        "cpu": features.pop("model"),
        "isa_level": _core.isa_level(),
        "supported_isa_levels": _core.supported_isa_levels(),
        "available_cpus": _core.available_cpus(),
        "threads": _core.num_threads(),
    }
    found = ", ".join(name for name, present in features.items() if present)
    print(f"fastdnn {config['version']}")
    print(f"CPU: {config['cpu']} ({found})")
    print(f"Kernels: {config['isa_level']}; this CPU has {_listed(config)}")
    print(f"Threads: up to {config['threads']} of {config['available_cpus']} CPUs")
    return config


def set_num_threads(count: int) -> None:
    """Use at most this many threads; small problems use fewer.

    Results do not depend on it.

    Args:
        count: an integer of at least 1.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(count, bool) or not hasattr(count, "__index__") or count < 1:
        raise ValueError(
            f"[set_num_threads] count: received {count!r}; expected an integer of at least 1"
        )
    _core.set_num_threads(int(count))


def get_num_threads() -> int:
    """Return the greatest number of threads that is used."""
    return int(_core.num_threads())


def _listed(config: dict[str, Any]) -> str:
    return ", ".join(config["supported_isa_levels"])
