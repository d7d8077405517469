"""Numbers as files and the table show them."""

from trajprobe.compare.confidence import Estimate

#: Of the summary; and of the details, so that what is rounded again, as the page does, is as in the table.
DECIMALS, PRECISE = 4, 6


def rounded(value: float, decimals: int = DECIMALS) -> float:
    return round(float(value), decimals) + 0.0  # no -0.0


def p_rounded(p_value: float) -> float:
    """To significant digits, so that a small one is not 0."""
    return float(f"{p_value:.2g}")


def with_interval(estimate: Estimate, decimals: int = DECIMALS) -> dict[str, float]:
    """By the names `mean`, `ci_low` and `ci_high`, rounded."""
    return {name: rounded(value, decimals) for name, value in estimate._asdict().items()}


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
