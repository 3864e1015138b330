import pytest

from netlesion.errors import CohortError
from netlesion.evaluate.case.reference_standard import (
    LesionReference,
    ReferenceStandard,
    count_standards,
    parse_standard,
    require_independent,
)

BIOPSY = LesionReference("sub-01", "3", ReferenceStandard.HISTOLOGY, "biopsy")
READER = LesionReference("sub-02", "1", ReferenceStandard.SAME_MODALITY_READER, "reader 1")


def test_a_test_that_made_the_reference_is_not_judged_by_it():
    require_independent(["model", "reader 2"], [BIOPSY, READER])
    require_independent(["", "model"], [LesionReference("a", "1", ReferenceStandard.UNKNOWN)])
    with pytest.raises(CohortError, match="lesion 1 of case sub-02 has reader 1 as its reference"):
        require_independent(["model", "reader 1"], [BIOPSY, READER])


def test_standards_are_a_closed_vocabulary():
    assert parse_standard(" FollowUp ") is ReferenceStandard.FOLLOWUP
    assert parse_standard("n/a") is parse_standard("") is ReferenceStandard.UNKNOWN
    with pytest.raises(CohortError, match="'gut feeling' is unknown, expected one of histology, followup"):
        parse_standard("gut feeling")
    assert count_standards([BIOPSY, READER, BIOPSY]) == {"histology": 2, "same_modality_reader": 1}
