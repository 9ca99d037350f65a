"""What a suite of benchmarks is asked to do."""

from dataclasses import dataclass, field

from fastdnn.benchmark.timing import Effort


@dataclass(frozen=True)
class Options:
    """The choices every suite honours.

    Args:
        effort: How long to measure.
        quick: Whether small cases will do, to see that everything works.
        only: Measure only the cases with this in their names.
        isa_level: The one level of fastdnn's kernels to measure, or None.
        huge: Whether to run the cases that take minutes.
        precision: That of products in training, fastdnn's and PyTorch's.
    """

    effort: Effort = field(default_factory=Effort)
    quick: bool = False
    only: str = ""
    isa_level: str | None = None
    huge: bool = False
    precision: str = "highest"

    def wants(self, case: str) -> bool:
        """Return whether to measure a case."""
        return self.only in case
