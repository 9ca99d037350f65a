"""The command `fastdnn`: train, look at the machine, measure."""

import argparse
import os
import re
import sys
from collections.abc import Sequence

from fastdnn import __version__
from fastdnn.cli import doctor, train

__all__ = ["main"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The words after the program's name; None takes the process's own.

    Returns:
        The exit code: 0 for success, 1 if a check of `doctor` failed or training diverged, 2 for
        wrong usage or bad input, with one sentence on standard error, 130 after Ctrl-C. argparse
        itself leaves with SystemExit for --help, --version and unknown options.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        # bench has a parser of its own, and its options are its affair.
        code = _bench(words[1:]) if words[:1] == ["bench"] else _run(words)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("\nfastdnn: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, say `head`, has left; what is buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, ImportError, OSError) as error:
        # Which function refused its arguments is of use to programmers only.
        message = re.sub(r"^\[[\w.]+\] ", "", str(error))
        print(f"fastdnn: error: {message}", file=sys.stderr)
        return 2
    except MemoryError:
        print(
            "fastdnn: error: there is not enough memory for this; try smaller layers, a smaller "
            "batch or fewer rows",
            file=sys.stderr,
        )
        return 2


def _run(words: Sequence[str]) -> int:
    parser = _parser()
    if not words:
        parser.print_help()
        return 0
    arguments = parser.parse_args(words)
    code: int = arguments.run(arguments)
    return code


def _bench(words: Sequence[str]) -> int:
    from fastdnn import benchmark

    return benchmark.main(words)


def _config(arguments: argparse.Namespace) -> int:
    from fastdnn.system import show_config

    show_config()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastdnn", description="Train, save and look at deep fully-connected networks."
    )
    parser.add_argument("--version", action="version", version=f"fastdnn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    train.add_parser(commands)
    doctor.add_parser(commands)
    config = commands.add_parser("config", help="print versions, instruction sets, threads")
    config.set_defaults(run=_config)
    # For --help only; `main` hands these words over before they are parsed here.
    commands.add_parser("bench", help="measure this machine and this package", add_help=False)
    return parser
