"""The small label volumes of the tests of an evaluation, for its pages."""

from tests.evaluate.conftest import label, turned

__all__ = ["label", "turned"]
