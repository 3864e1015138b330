"""The last line of a validation tells what was not looked at, so that silence is not taken for health."""

from netlesion.report.validation import text_lines
from netlesion.validate.run import CheckCount, Validation

MADE = CheckCount("suv", "is the mean SUV that of a body?", 2, 0, "")
LIVER = CheckCount("liver", "is the liver's SUV that of a liver?", 0, 2, "the image is a crop")
SIDE = CheckCount("side", "is the liver on the right?", 1, 1, "the image is a crop")


def test_what_was_not_looked_at_is_counted_and_named():
    (line,) = text_lines(Validation("c", 2, 1, (), (MADE, LIVER, SIDE)))
    assert line == (
        "2 visits of 1 patients: 0 errors, 0 warnings, 0 notes; not looked at: liver 2 times (the image is a crop), "
        "side 1 times (the image is a crop)"
    )


def test_a_validation_that_looked_at_everything_says_so():
    (line,) = text_lines(Validation("c", 2, 1, (), (MADE,)))
    assert line.endswith("0 notes; every check was made")
