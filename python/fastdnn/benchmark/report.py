"""Results: lines for people, JSON for programs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastdnn.benchmark.timing import OURS, Measurement, Quartiles

FORMAT = 1


@dataclass(frozen=True)
class Skipped:
    """A contender that did not take part in a case, and why."""

    suite: str
    case: str
    contender: str
    why: str

    def to_json(self) -> dict[str, str]:
        """Return this as plain values."""
        return {name: getattr(self, name) for name in ("suite", "case", "contender", "why")}


@dataclass
class Report:
    """Collects results and prints each as soon as it is there.

    Args:
        machine: What `describe_machine` returned.
        settings: How it was asked for, as given on the command line.
    """

    machine: dict[str, Any]
    settings: dict[str, Any]
    measurements: list[Measurement] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def add(self, measurement: Measurement) -> None:
        """Keep a measurement and print it."""
        self.measurements.append(measurement)
        print(format_measurement(measurement), flush=True)

    def skip(self, suite: str, case: str, contender: str, why: str) -> None:
        """Note that a contender cannot take part, and print it."""
        self.skipped.append(Skipped(suite, case, contender, why))
        print(f"  {contender:<24} skipped: {why}", flush=True)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "format": FORMAT,
            "machine": self.machine,
            "settings": self.settings,
            "measurements": [measurement.to_json() for measurement in self.measurements],
            "skipped": [skipped.to_json() for skipped in self.skipped],
        }

    def write(self, path: Path) -> None:
        """Write everything to a JSON file."""
        path.write_text(json.dumps(self.to_json(), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Report":
        """Return what `write` wrote.

        Raises:
            ValueError: If the file holds something else, or lacks what is needed to show it.
        """
        expected = "expected a result of `fastdnn bench --json`"
        try:
            values = json.loads(path.read_text())
        except (ValueError, RecursionError):  # no JSON, or no text, or nothing but brackets
            values = None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"[bench] {path}: {expected}")
        try:
            report = cls(
                values["machine"],
                values["settings"],
                [Measurement.from_json(item) for item in values["measurements"]],
                [Skipped(**item) for item in values["skipped"]],
            )
            format_machine(report.machine)
            if not isinstance(report.machine["threads"], int):
                raise ValueError(f"threads: {report.machine['threads']!r}")
            if not isinstance(report.settings, dict):
                raise ValueError(f"settings: {report.settings!r}")
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"[bench] {path} is damaged or not a result ({error!r}); {expected}"
            ) from None
        return report


def format_machine(machine: dict[str, Any]) -> str:
    """Return the lines that stand above all results."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['system']}",
        f"fastdnn kernels: {machine['isa_level']}; threads: up to {machine['threads']}",
        versions,
        "medians of turns taken one after the other, with quartiles in (); ratios pair neighbours",
    ]
    if machine["load"] is not None and machine["load"] > 0.5:
        lines.append(
            f"CAUTION: the load of the last minute is {machine['load']}; if that was not you, wait"
        )
    return "\n".join(lines)


def format_measurement(measurement: Measurement) -> str:
    """Return a case as text: one line for a duel, else one for every contender.

    >>> seconds = {"fastdnn": [1e-3, 1e-3], "numpy": [2e-3, 3e-3]}
    >>> line = format_measurement(Measurement("kernels", "gemm", "GFLOP/s", 1e7, seconds))
    >>> " ".join(line.split())
    'gemm 10.0 4.17 GFLOP/s 2.50 x numpy (2.25-2.75)'
    """
    if len(measurement.seconds) == 2 and measurement.peers:
        (peer,) = measurement.peers
        ours, theirs = (measurement.speed(name).median for name in (OURS, peer))
        numbers = f"{three_digits(ours):>7} {three_digits(theirs):>7} {measurement.unit:<10}"
        return f"{measurement.case:<48} {numbers} {_format_ratio(measurement, peer)}"
    lines = []
    for name in measurement.seconds:
        speed = measurement.speed(name)
        line = (
            f"  {name:<24} {three_digits(speed.median):>8} {measurement.unit} {_range(speed):<16}"
        )
        rate = measurement.flops_rate(name)
        if name in measurement.peers:
            line += f" {_format_ratio(measurement, name)}"
        elif rate is not None:
            line += f" {three_digits(rate.median):>6} GFLOP/s"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _format_ratio(measurement: Measurement, contender: str) -> str:
    ratio = measurement.ratio(contender)
    return f"{three_digits(ratio.median):>6} x {contender} {_range(ratio)}"


def _range(quartiles: Quartiles) -> str:
    low, high = sorted((quartiles.low, quartiles.high))
    return f"({three_digits(low)}-{three_digits(high)})"


def three_digits(value: float) -> str:
    """Return a number that is not negative with the three digits that tell something.

    >>> [three_digits(value) for value in (0.1234, 12.34, 1234.0)]
    ['0.12', '12.3', '1234']
    """
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
