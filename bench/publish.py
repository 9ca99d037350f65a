"""Put a result of `fastdnn bench training` into README.md, as a table and a plot.

The table replaces what stands between two markers there; the plot is bench/results/training.png.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastdnn.benchmark.report import Report, three_digits
from fastdnn.benchmark.timing import OURS, Measurement

_README = Path(__file__).resolve().parents[1] / "README.md"
_PLOT = Path("bench", "results", "training.png")
_BEGIN, _END = "<!-- speed: begin -->\n", "<!-- speed: end -->\n"
# The others do what one of these does, in another way.
_PEERS = ("torch", "torch, as fit does", "torch, sparse", "jax", "numpy", "scikit-learn")


def section(report: Report) -> str:
    """Return the table, what it was measured on, and the reference to the plot."""
    measurements = _training(report)
    peers = _peers(measurements)
    header = ["net", "batch", "optimizer", f"{OURS}, {measurements[0].unit}", *peers]
    rows = [header, ["---"] * 3 + ["--:"] * (len(peers) + 1)]
    for measurement in measurements:
        net, batch, optimizer = measurement.case.rsplit(", ", 2)
        ours = three_digits(measurement.speed(OURS).median)
        ratios = [_ratio(measurement, peer) for peer in peers]
        rows.append([net, batch.removeprefix("batch "), optimizer, ours, *ratios])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    plot = f"![The same as bars, on a logarithmic axis]({_PLOT.as_posix()})"
    return f"\n{table}\n\n{_measured_on(report.machine)}\n\n{plot}\n\n"


def with_section(readme: Path, new: str) -> str:
    """Return the text of a file with something new between the markers.

    Raises:
        ValueError: If the markers are not there once each, in order.
    """
    before, begin, rest = readme.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end or _BEGIN in rest or _END in after:
        raise ValueError(
            f"[publish] {readme} has no place for the table; expected the lines "
            f"{_BEGIN.strip()} and {_END.strip()}, once each; put them where it belongs"
        )
    return before + begin + new + end + after


def draw(report: Report, path: Path) -> None:
    """Save a picture with a group of bars for every net.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"[publish] matplotlib cannot be imported ({error}); install it with "
            "pip install 'fastdnn[plot]'"
        ) from None
    measurements = _training(report)
    path.parent.mkdir(parents=True, exist_ok=True)
    contenders = [OURS, *_peers(measurements)]
    thickness = 0.8 / len(contenders)
    figure = Figure(figsize=(8, 1 + 0.8 * len(measurements)), layout="constrained")
    panel = figure.subplots()
    for place, name in enumerate(contenders):
        groups = [group for group, one in enumerate(measurements) if name in one.seconds]
        times = [measurements[group].speed(name).median for group in groups]
        panel.barh([group + place * thickness for group in groups], times, thickness, label=name)
    middles = [group + 0.4 - thickness / 2 for group in range(len(measurements))]
    panel.set_yticks(middles, [one.case.replace(", ", "\n", 1) for one in measurements])
    panel.invert_yaxis()
    panel.set_xscale("log")
    panel.set_xlim(left=1)
    panel.set_xlabel(f"{measurements[0].unit}, shorter is faster")
    panel.grid(axis="x", alpha=0.3)
    panel.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=len(contenders), frameon=False)
    # Dark pages need the white, too.
    figure.savefig(path, dpi=100, facecolor="white")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="a result of `fastdnn bench training --json`")
    parser.add_argument("--readme", type=Path, default=_README, help="the file with the markers")
    arguments = parser.parse_args(argv)
    try:
        report = _read(arguments.result)
        text = with_section(arguments.readme, section(report))
        draw(report, arguments.readme.parent / _PLOT)
        arguments.readme.write_text(text)
    except (ImportError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _read(path: Path) -> Report:
    if not path.is_file():
        raise ValueError(
            f"[publish] there is no file {path}; expected a result; make one with "
            f"fastdnn bench training --json {path}"
        )
    return Report.read(path)


def _training(report: Report) -> list[Measurement]:
    found = [one for one in report.measurements if one.suite == "training"]
    if not found:
        raise ValueError(
            "[publish] received a result without training; expected its times; make one with "
            "fastdnn bench training --json FILE"
        )
    if report.settings.get("precision", "highest") != "highest":
        raise ValueError(
            f"[publish] received times at {report.settings['precision']} precision; expected "
            "those of float32; make them without --precision"
        )
    return found


def _measured_on(machine: dict[str, Any]) -> str:
    threads = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"Measured on {machine['cpu']}, {threads}, {machine['isa_level']} kernels: {versions}."


def _peers(measurements: Sequence[Measurement]) -> list[str]:
    return [peer for peer in _PEERS if any(peer in one.seconds for one in measurements)]


def _ratio(measurement: Measurement, peer: str) -> str:
    if peer not in measurement.seconds:
        return "-"
    ratio = measurement.ratio(peer).median
    return f"{ratio:.1f}x" if ratio < 10 else f"{ratio:.0f}x"


if __name__ == "__main__":
    sys.exit(main())
