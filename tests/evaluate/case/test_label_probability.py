"""A label map that is not that of its probability map is said to be so; one that is raises no word."""

import numpy as np
import pytest
from scipy import ndimage

from netlesion.evaluate.case import label_probability
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.masks import Extraction
from netlesion.quantify.instances import extract

SHAPE = (23, 19, 29)


@pytest.fixture(scope="module")
def probability():
    """Four foci of several sizes, two of which nearly touch, over a low background."""
    peaks = np.zeros(SHAPE)
    for at, height in (((5, 6, 7), 1.0), ((5, 6, 12), 0.6), ((16, 12, 20), 0.8), ((15, 5, 25), 3.0)):
        peaks[at] = height
    smooth = ndimage.gaussian_filter(peaks, 1.6)
    return np.clip(0.02 + 0.97 * smooth / smooth.max(), 0.0, 0.99).astype(np.float32)


GRID = Geometry(np.diag([2.0, 3.0, 4.0, 1.0]), SHAPE)


def labels_of(probability, threshold, peak=0.0):
    return extract(Volume(probability, GRID, Quantity.PROBABILITY), threshold, peak_threshold=peak).array


def contradictions(labels, probability, threshold, peak=0.0):
    extraction = None if threshold is None else Extraction(threshold, 18, peak)
    volumes = Volume(labels, GRID, Quantity.LABEL), Volume(probability, GRID, Quantity.PROBABILITY)
    return label_probability.contradictions(*volumes, extraction)


@pytest.mark.parametrize("threshold", [0.05, 0.15, 0.3, 0.5, 0.999])
def test_a_label_map_of_its_own_probability_map_at_any_threshold(probability, threshold):
    labels = labels_of(probability, threshold)
    assert contradictions(labels, probability, threshold) == ()
    assert contradictions(labels, probability, None) == ()


def test_lesions_left_out_for_want_of_a_peak_are_no_contradiction(probability):
    labels = labels_of(probability, 0.1, peak=0.6)
    assert 0 < labels.max() < labels_of(probability, 0.1).max()
    assert contradictions(labels, probability, 0.1, peak=0.6) == ()
    assert len(contradictions(labels, probability, 0.1)) == 1


OTHERS = {
    "rolled by five": lambda a: np.roll(a, 5, 0),
    "rolled by two": lambda a: np.roll(a, 2, 2),
    "flipped": lambda a: a[::-1],
    "axes of another order": lambda a: np.rot90(np.pad(a, ((0, 6), (0, 10), (0, 0))), axes=(0, 1))[:23, :19],
}


@pytest.mark.parametrize("other", OTHERS)
def test_one_that_was_moved_is_told_with_and_without_a_record(probability, other):
    labels = np.ascontiguousarray(OTHERS[other](labels_of(probability, 0.15)))
    lines = contradictions(labels, probability, 0.15)
    assert len(lines) == 2
    assert "of 4 predicted lesions do not lie" in lines[0] or "of 3 predicted lesions do not lie" in lines[0]
    assert len(contradictions(labels, probability, None)) == 1


def test_a_lesion_that_was_taken_out_and_one_of_another_threshold_are_told_by_the_record_alone(probability):
    labels = labels_of(probability, 0.15)
    fewer = np.where(labels == 1, 0, labels)
    assert (
        "voxels are either in a predicted lesion or in one that the recorded threshold"
        in contradictions(fewer, probability, 0.15)[-1]
    )
    assert contradictions(labels, probability, None) == ()
    assert len(contradictions(labels, probability, 0.5)) == 2


def test_no_lesion_and_nothing_above_the_threshold_is_no_contradiction(probability):
    assert contradictions(np.zeros(SHAPE, np.uint8), 0.1 * probability, 0.5) == ()
    assert contradictions(np.zeros(SHAPE, np.uint8), probability, None) == ()
