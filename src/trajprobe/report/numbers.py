"""Numbers as files and the table show them."""

from trajprobe.compare.confidence import Estimate

DECIMALS = 4


def rounded(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0  # no -0.0


def p_rounded(p_value: float) -> float:
    """To significant digits, so that a small one is not 0."""
    return float(f"{p_value:.2g}")


def with_interval(estimate: Estimate) -> dict[str, float]:
    """By the names `mean`, `ci_low` and `ci_high`, rounded."""
    return {name: rounded(value) for name, value in estimate._asdict().items()}


def percent(share: float) -> str:
    return f"{100 * share:z.1f}"


def percent_interval(share: Estimate) -> str:
    """A share in % with its interval."""
    mean, low, high = map(percent, share)
    return f"{mean} [{low}, {high}]"


def rounded_percent(share: Estimate) -> str:
    """A share in whole % with its interval, in words."""
    mean, low, high = (f"{100 * value:z.0f}" for value in share)
    return f"{mean} % ({low} to {high})"


def points(difference: Estimate) -> str:
    """A difference in points with its interval."""
    return signed(Estimate(*(100 * value for value in difference)), 1)


def signed(difference: Estimate, decimals: int) -> str:
    """A difference with its interval; without -0.0."""
    mean, low, high = (f"{value:+z.{decimals}f}" for value in difference)
    return f"{mean} [{low}, {high}]"
