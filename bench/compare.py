"""Did fastdnn get slower between two results?

Compares what fastdnn did in turns with a peer, relative to that peer: a slower clock or a busy
machine slows both. A case is slower where the middle halves of the rounds lie apart. Exits with 1
if any is.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from fastdnn.benchmark.report import Report
from fastdnn.benchmark.timing import Measurement, Quartiles


class Change(NamedTuple):
    """How fast fastdnn was, relative to one peer: higher is faster."""

    case: str
    peer: str
    before: Quartiles
    after: Quartiles

    @property
    def factor(self) -> float:
        return self.after.median / self.before.median

    @property
    def verdict(self) -> str:
        if self.after.high < self.before.low:
            return "slower"
        return "faster" if self.after.low > self.before.high else ""


def changes(before: list[Measurement], after: list[Measurement]) -> list[Change]:
    """Return a change for every case in both results, against the first peer in both."""
    old = {(measurement.suite, measurement.case): measurement for measurement in before}
    found = []
    for new in after:
        earlier = old.get((new.suite, new.case))
        peers = [] if earlier is None else [p for p in earlier.peers if p in new.seconds]
        if earlier is not None and peers:
            case, peer = f"{new.suite}: {new.case}", peers[0]
            found.append(Change(case, peer, earlier.ratio(peer), new.ratio(peer)))
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="a result of `fastdnn bench --json`")
    parser.add_argument("after", type=Path, help="another, of the same machine and settings")
    arguments = parser.parse_args(argv)
    before, after = Report.read(arguments.before), Report.read(arguments.after)
    for key in ("cpu", "threads", "isa_level"):
        if before.machine[key] != after.machine[key]:
            print(f"CAUTION: {key} was {before.machine[key]}, now {after.machine[key]}")
    found = changes(before.measurements, after.measurements)
    if not found:
        print("The two results have no case in common.", file=sys.stderr)
        return 2
    print(f"{'case':<60} {'before':>18} {'after':>18} {'change':>8}")
    for change in found:
        sides = " ".join(f"{_spread(side):>18}" for side in (change.before, change.after))
        name = f"{change.case} / {change.peer}"
        print(f"{name:<60} {sides} {change.factor - 1:>+8.1%} {change.verdict}".rstrip())
    slower = [change for change in found if change.verdict == "slower"]
    print(f"\n{len(slower)} of {len(found)} cases slower beyond the spread.")
    return 1 if slower else 0


def _spread(side: Quartiles) -> str:
    return f"{side.median:.2f} ({side.low:.2f}-{side.high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
