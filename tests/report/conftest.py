"""The small masks and folders of the tests of an evaluation, for its pages."""

from tests.evaluate.conftest import folders, label, results, turned

__all__ = ["folders", "label", "results", "turned"]
