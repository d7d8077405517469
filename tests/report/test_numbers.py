"""Numbers as they are shown: nothing is -0.0, and no p-value is 0."""

from trajprobe.compare.confidence import Estimate
from trajprobe.report.numbers import p_rounded, percent, points, rounded, signed


def test_what_rounds_to_nothing_has_no_minus():
    assert signed(Estimate(-0.0004, -0.02, 0.0), 1) == "+0.0 [+0.0, +0.0]"
    assert points(Estimate(-0.0004, -0.02, 0.01)) == "+0.0 [-2.0, +1.0]"
    assert (percent(-0.0001), str(rounded(-0.00001))) == ("0.0", "0.0")


def test_a_p_value_keeps_its_first_digits():
    assert [p_rounded(value) for value in (0.04567, 0.00012345, 3.21e-12, 1.0)] == [0.046, 0.00012, 3.2e-12, 1]
