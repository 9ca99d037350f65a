# SPDX-License-Identifier: Apache-2.0
"""What all lessons have: the option --quick, figures beside the script, numbers for a table.

A lesson is a script with a function `main(lesson)`. It reports what came out, with the figure to
reach where there is one (mostly that published for the same lesson), and claims what numbers are to
show. It fails where a figure is not reached or a claim does not hold.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastdnn as fd

Split = tuple[np.ndarray, np.ndarray]


class Lesson:
    """A lesson at work.

    Args:
        file: the script.
        doc: what it says of itself; the first line is the title.

    Attributes:
        quick: whether to show that everything works, in seconds, instead of reaching figures.
    """

    def __init__(self, file: str, doc: str) -> None:
        parser = argparse.ArgumentParser(
            description=doc, formatter_class=argparse.RawTextHelpFormatter
        )
        parser.add_argument(
            "--quick", action="store_true", help="few rows and epochs, no figures to reach"
        )
        parser.add_argument("--json", type=Path, help="also write the numbers to this file")
        options = parser.parse_args()
        self.quick: bool = options.quick
        self.title = doc.strip().partition("\n")[0].rstrip(".")
        self._json, self._path = options.json, Path(file)
        self._results: list[dict[str, Any]] = []
        self._missed: list[str] = []

    def run(self, main: Callable[["Lesson"], None]) -> None:
        """Run the lesson from its seed, and exit with 1 where a figure is not reached."""
        print(self.title)
        fd.set_seed(42)
        start = time.perf_counter()
        main(self)
        seconds = time.perf_counter() - start
        if self._json is not None:
            content = {"title": self.title, "seconds": seconds, "results": self._results}
            self._json.write_text(json.dumps(content, indent=1) + "\n")
        if self._missed:
            sys.exit("\n".join(self._missed))

    def report(
        self,
        what: str,
        measured: float,
        to_reach: float | None = None,
        *,
        smaller_is_better: bool = False,
    ) -> None:
        """Print a number that came out, and hold it against the one to reach.

        Args:
            what: such as "test accuracy".
            measured: what came out.
            to_reach: such as the figure that was published; None where there is none.
            smaller_is_better: whether to stay at or below it, as losses do, instead of above.
        """
        beside = "" if to_reach is None else f" (to reach: {to_reach:g})"
        print(f"{what}: {measured:.4g}{beside}")
        result = {"what": what, "measured": float(measured), "to_reach": to_reach}
        self._results.append(result)
        if to_reach is None or self.quick:
            return
        if not (measured <= to_reach if smaller_is_better else measured >= to_reach):
            self._missed.append(f"{what}: {measured:.4g} does not reach {to_reach:g}")

    def claim(self, text: str, holds: bool) -> None:
        """Print what the numbers show, and whether they do: a few rows and epochs need not."""
        print(f"{text}: {'holds' if holds else 'does not hold'}")
        self._results.append({"what": text, "holds": bool(holds)})
        if not holds and not self.quick:
            self._missed.append(f"{text}: does not hold")

    def epochs(self, count: int) -> int:
        """Return so many epochs, or one for a quick look."""
        return 1 if self.quick else count

    def figure(self, name: str = "") -> Path:
        """Return where to save a picture: beside the script."""
        ending = f"-{name}.png" if name else ".png"
        return self._path.with_name(self._path.stem + ending)

    def folder(self, name: str) -> Path:
        """Return a folder for what a lesson writes, beside the script."""
        return self._path.with_name(f"{self._path.stem}-{name}")

    def draw(self, panels: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        """Save a picture of what every epoch gave.

        Args:
            panels: by what they show, such as "validation loss", curves by their labels.
        """
        # Without pyplot, which needs a display where one is set up.
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5 * len(panels), 4), layout="constrained")
        for panel, (what, curves) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            for label, values in curves.items():
                panel.plot(range(1, len(values) + 1), values, label=label, marker=".")
            panel.set_xlabel("epoch")
            panel.set_ylabel(what)
            panel.locator_params(axis="x", integer=True)
            panel.grid(alpha=0.3)
            panel.legend()
        figure.savefig(self.figure(), dpi=72)

    def mnist(self) -> tuple[Split, Split, Split]:
        """Return 55,000 rows to train on, 5,000 to validate and 10,000 to test, pixels 0 to 1.

        Validation rows are the first 5,000; for a quick look there are a few hundred of each.
        """
        (x, y), test = fd.datasets.load_mnist()
        splits = [(x[5000:], y[5000:]), (x[:5000], y[:5000]), test]
        rows = 600 if self.quick else None
        return tuple(
            (images[:rows].reshape(-1, 784).astype(np.float32) / 255, labels[:rows])
            for images, labels in splits
        )

    def imdb(self) -> tuple[Split, Split]:
        """Return 25,000 reviews to train on and 25,000 to test, as sparse rows of 10,000 words.

        For a quick look there are a thousand of each.
        """
        splits = fd.datasets.load_imdb(num_words=10_000)
        rows = 1000 if self.quick else None
        return tuple((x[:rows], y[:rows]) for x, y in splits)
