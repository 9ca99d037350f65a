"""Did fastdnn get slower between two results, or between two commits?

Compares what fastdnn did in turns with a peer, relative to that peer: a slower clock or a busy
machine slows both. Commits are built into folders of their own and measured alternately, before,
after, before, after, each by its own `fastdnn bench`; what only one of them has does not count.

A case is slower where the middle halves of the rounds lie apart. Of commits that is asked of every
run: all of one side have to lie below all of the other. The middle half of all turns together would
say too little: turns of one process share its luck, as where memory lies, so that it is runs that
have to agree. Three runs of the same code all fall below three others in one of 20 cases if turns
within a run never vary, and hardly ever if they vary as much as runs do. With many cases more runs
(`--runs 5`) are surer.

Exits with 1 if any case is slower, with 2 if that cannot be told.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fastdnn.benchmark.report import Report
from fastdnn.benchmark.timing import Measurement, Quartiles
from fastdnn.cli.arguments import positive_int

_REPOSITORY = Path(__file__).resolve().parents[1]


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


def changes(before: Sequence[Report], after: Sequence[Report]) -> list[Change]:
    """Return a change for every case on both sides, against the first peer in all runs."""
    old = _by_case(before)
    found = []
    for (suite, case), runs in _by_case(after).items():
        earlier = old.get((suite, case), [])
        peers = [p for p in runs[0].peers if all(p in run.seconds for run in earlier + runs)]
        if earlier and peers:
            sides = spread(earlier, peers[0]), spread(runs, peers[0])
            found.append(Change(f"{suite}: {case}", peers[0], *sides))
    return found


def spread(runs: Sequence[Measurement], peer: str) -> Quartiles:
    """Return the median of the runs, and the range that the middle half of each lies in."""
    lows, medians, highs = zip(*(run.ratio(peer) for run in runs), strict=True)
    return Quartiles(min(lows), statistics.median(medians), max(highs))


class Build(NamedTuple):
    """A commit, as the user named it, and the folder that its package is built into."""

    name: str
    folder: Path


def measure_commits(
    names: Sequence[str], words: Sequence[str], runs: int
) -> list[tuple[Report, ...]]:
    """Build commits, run `fastdnn bench` of each in turn, and return the results of each.

    Raises:
        ValueError: If one of the names is no commit, or one cannot be built or measured.
    """
    commits = [find_commit(name) for name in names]
    with tempfile.TemporaryDirectory(prefix="fastdnn-compare-") as folder:
        builds = [Build(name, Path(folder, str(side))) for side, name in enumerate(names)]
        for build, commit in zip(builds, commits, strict=True):
            _say(f"Building {build.name} ({commit})")
            with worktree(commit, Path(folder, "source")) as source:
                install(build, source)
            expect_import(build)
        reports = []
        for number in range(1, runs + 1):
            _say(f"Run {number} of {runs}")
            reports.append([measure(build, words) for build in builds])
    return list(zip(*reports, strict=True))


def find_commit(name: str) -> str:
    """Return the short hash of a commit.

    Raises:
        ValueError: If the repository has no such commit.
    """
    answer = _git("rev-parse", "--verify", "--quiet", "--short", f"{name}^{{commit}}")
    if answer.returncode != 0:
        raise ValueError(
            f"[compare] {name!r} is neither a file nor a commit; expected two results of "
            "`fastdnn bench --json` or two commits; see `git log --oneline`"
        )
    return answer.stdout.strip()


@contextlib.contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder inside a `with` block."""
    try:
        answer = _git("worktree", "add", "--detach", str(folder), commit)
        if answer.returncode != 0:
            raise ValueError(f"[compare] {commit} cannot be checked out: {answer.stderr.strip()}")
        yield folder
    finally:
        # By force, as building leaves files there.
        _git("worktree", "remove", "--force", str(folder))


def install(build: Build, source: Path) -> None:
    """Build the package that lies in a folder; pip says on standard error what goes wrong.

    Raises:
        ValueError: If that fails.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--target", str(build.folder), str(source)]
    # Then pip's own temporary folders go the way of ours, even if it is killed.
    environment = {**os.environ, "TMPDIR": str(source.parent)}
    if subprocess.run(command, env=environment).returncode != 0:
        raise ValueError(
            f"[compare] {build.name} does not build; expected a commit that pip can install; see "
            "above what went wrong, or name another"
        )


def expect_import(build: Build) -> None:
    """Check that Python finds the package of a build.

    Raises:
        ValueError: If it finds another one, as if that is installed in editable mode.
    """
    command = [sys.executable, "-c", "import fastdnn; print(fastdnn.__file__)"]
    done = subprocess.run(
        command, cwd=build.folder, env=_environment(build), stdout=subprocess.PIPE, text=True
    )
    found = done.stdout.strip()
    if not found.startswith(str(build.folder)):
        raise ValueError(
            f"[compare] Python imports fastdnn from {found or 'nowhere'}; expected {build.folder}; "
            "uninstall what is installed in editable mode"
        )


def measure(build: Build, words: Sequence[str]) -> Report:
    """Return the result of `fastdnn bench` of a build.

    Raises:
        ValueError: If there is none, or none that this script can read.
    """
    command = ["fastdnn", "bench", *words]
    _say(f"  {build.name}: {' '.join(command)}")
    result = build.folder.with_suffix(".json")
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json", str(result)],
        cwd=build.folder,  # where `python -m` looks first
        env=_environment(build),
        stdout=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise ValueError(
            f"[compare] {build.name} cannot run {' '.join(command)}; expected a suite and options "
            "that both commits have; see above what it says"
        )
    return Report.read(result)


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    # argparse would take options between the commits and `--` for an end of the commits.
    cut = words.index("--") if "--" in words else len(words)
    arguments = _parser().parse_args(words[:cut])
    try:
        before, after = _results(arguments, words[cut + 1 :] or ["training"])
        for key in ("cpu", "threads", "isa_level"):
            was, now = before[0].machine[key], after[0].machine[key]
            if was != now:
                print(f"CAUTION: {key} was {was}, now {now}")
        found = changes(before, after)
        if not found:
            raise ValueError(
                "[compare] the two sides have no case in common; expected a case with the same "
                "peer on both; measure the same suite"
            )
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{'case':<60} {'before':>18} {'after':>18} {'change':>8}")
    for change in found:
        sides = " ".join(f"{_spread(side):>18}" for side in (change.before, change.after))
        name = f"{change.case} / {change.peer}"
        print(f"{name:<60} {sides} {change.factor - 1:>+8.1%} {change.verdict}".rstrip())
    slower = [change for change in found if change.verdict == "slower"]
    print(f"\n{len(slower)} of {len(found)} cases slower beyond the spread.")
    return 1 if slower else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage="%(prog)s [-h] [--runs N] before after [-- WORDS]",
        description=__doc__,
        epilog="WORDS go to `fastdnn bench` of commits; without them that is `training`.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", help="a result of `fastdnn bench --json`, or a commit")
    parser.add_argument("after", help="another of the same, on the same machine and settings")
    parser.add_argument(
        "--runs", type=positive_int, default=3, metavar="N", help="runs of each commit (3)"
    )
    return parser


def _results(arguments: argparse.Namespace, words: Sequence[str]) -> Sequence[Sequence[Report]]:
    """Return the runs of either side: one of a file, several of a commit."""
    names = [arguments.before, arguments.after]
    files = [name for name in names if Path(name).is_file()]
    if len(files) == 1:
        (other,) = set(names) - set(files)
        raise ValueError(
            f"[compare] {files[0]} is a file and {other!r} is not; expected two results of "
            "`fastdnn bench --json` or two commits; name two of a kind"
        )
    if files:
        return [[Report.read(Path(name))] for name in names]
    for word in words:
        if word.split("=")[0] in ("--json", "--help", "-h"):
            raise ValueError(
                f"[compare] received {word} for fastdnn bench; expected what it measures, as the "
                "result goes into a file of this script's; leave it out"
            )
    return measure_commits(names, words, arguments.runs)


def _environment(build: Build) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(build.folder)}


def _by_case(reports: Sequence[Report]) -> dict[tuple[str, str], list[Measurement]]:
    runs: dict[tuple[str, str], list[Measurement]] = {}
    for report in reports:
        for measurement in report.measurements:
            runs.setdefault((measurement.suite, measurement.case), []).append(measurement)
    return runs


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    # Of a hook, which may have been called for another one.
    foreign = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    return subprocess.run(
        ["git", *words], cwd=_REPOSITORY, env=environment, capture_output=True, text=True
    )


def _say(line: str) -> None:
    # At once, as what runs next writes to the same terminal.
    print(line, flush=True)


def _spread(side: Quartiles) -> str:
    return f"{side.median:.2f} ({side.low:.2f}-{side.high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
