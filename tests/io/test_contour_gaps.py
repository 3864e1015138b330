"""Slices left out between contours are found, and filled where that is asked; lesions that end are left alone."""

import numpy as np
import pytest
from scipy import ndimage

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.io.contour_gaps import contour_gaps, gaps_line, interpolated
from netlesion.validate.visit import _judge_gaps, _Notes

SHAPE = (13, 11, 17)
SPACING = (3.0, 2.0)


def ball(centre=(6, 5, 8), radii=(5.2, 4.1, 6.3)):
    grid = np.indices(SHAPE).T
    return ((((grid - centre) / radii) ** 2).sum(axis=3) <= 1).T


def box(*slices):
    mask = np.zeros(SHAPE, bool)
    mask[2:9, 3:8, list(slices)] = True
    return mask


def slices_of(mask):
    return [(gap.before, gap.after) for gap in contour_gaps(mask)]


@pytest.mark.parametrize(
    ("drawn", "gaps"),
    [
        ((4, 6, 8, 10, 12), [(4, 6), (6, 8), (8, 10), (10, 12)]),
        ((4, 7, 10), [(4, 7), (7, 10)]),
        ((1, 6, 11, 16), [(1, 6), (6, 11), (11, 16)]),
        ((4, 5, 7, 8), [(5, 7)]),
        ((4, 5, 8, 9), [(5, 8)]),
        ((4, 5, 6, 7), []),
        ((4,), []),
        ((), []),
        ((1, 2, 3, 12, 13, 14), []),
    ],
)
def test_slices_left_out_between_slices_of_one_lesion_are_found(drawn, gaps):
    assert slices_of(box(*drawn)) == gaps


def test_one_lesion_of_nine_slices_stays_one():
    whole, every_second = box(*range(4, 13)), box(*range(4, 13, 2))
    assert ndimage.label(every_second)[1] == 5
    filled = interpolated(every_second, contour_gaps(every_second), SPACING)
    assert np.array_equal(filled, whole)
    assert "nothing is drawn on 4 slices between slices of one lesion (the first is 5)" in gaps_line(
        contour_gaps(every_second)
    )


@pytest.mark.parametrize("missing", [(8,), (5, 7, 9), (3, 5, 7, 9, 11, 13), (7, 8)])
def test_a_round_lesion_comes_back_within_a_few_percent(missing):
    truth = ball()
    drawn = truth.copy()
    drawn[:, :, list(missing)] = False
    filled = interpolated(drawn, contour_gaps(drawn), SPACING)
    assert ndimage.label(filled)[1] == 1
    assert filled.sum() == pytest.approx(truth.sum(), rel=0.06)
    assert (filled | truth).sum() - (filled & truth).sum() < 0.08 * truth.sum()
    assert not (drawn & ~filled).any(), "what was drawn stays"


def test_lesions_that_lie_beside_or_far_above_each_other_are_two():
    beside = np.zeros(SHAPE, bool)
    beside[1:4, 1:4, 4:7], beside[8:11, 6:9, 8:11] = True, True
    assert slices_of(beside) == []
    tapered = ball((6, 5, 4), (3, 3, 3)) | ball((7, 5, 13), (4, 4, 3))
    assert slices_of(tapered) == []
    assert slices_of(ball()) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
def test_validate_tells_slices_left_out_in_any_mask_and_orientation(order):
    """The slices are those along the patient, wherever the array keeps them."""
    affine = np.zeros((4, 4))
    for axis, world in enumerate(order):
        affine[world, axis] = (3.0, 2.0, 4.0)[world]
    affine[3, 3] = 1
    array = box(4, 6, 8).transpose(order).astype(np.uint8)
    mask = Volume(array, Geometry(affine, array.shape), Quantity.LABEL)
    notes = _Notes(VisitFiles("P", "v", {}))
    _judge_gaps({"lesion": mask}, "fdg", notes)
    (finding,) = notes.findings
    assert (finding.check, finding.image) == ("mask-gaps", "fdg")
    assert finding.value.startswith("desc-lesion: nothing is drawn on 2 slices between slices of one lesion")
