"""A cohort that a training is through with in seconds."""

import pytest

from tests.tiny_cohort import write_tiny_cohort


@pytest.fixture(scope="session")
def tiny_cohort(tmp_path_factory):
    return write_tiny_cohort(tmp_path_factory.mktemp("tiny"))
