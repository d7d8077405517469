"""Numbers as files and the table show them."""

from trajprobe.compare.confidence import Estimate

DECIMALS = 4


def rounded(value: float) -> float:
    return round(float(value), DECIMALS)


def with_interval(estimate: Estimate) -> dict[str, float]:
    """By the names `mean`, `ci_low` and `ci_high`, rounded."""
    return {name: rounded(value) for name, value in estimate._asdict().items()}


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def points(difference: Estimate) -> str:
    """A difference in points with its interval."""
    mean, low, high = (f"{100 * value:+.1f}" for value in difference)
    return f"{mean} [{low}, {high}]"
