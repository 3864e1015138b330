from itertools import permutations, product
from xml.etree import ElementTree

import numpy as np
import pytest

from netlesion.image.volume import Quantity
from netlesion.report.plots import bland_altman_figure, froc_figure, reliability_figure, size_figure
from netlesion.report.worst import PREDICTION_RGB, REFERENCE_RGB, projection_rgb

SHAPE = (13, 11, 9)
AXES = np.diag([3.0, 3.0, 3.0, 1.0])


def places(rgb, colour):
    return np.argwhere((rgb == colour).all(axis=-1))


def test_head_up_and_the_patients_right_on_the_left(label):
    reference = label(SHAPE, np.s_[10:12, 5, 6:8], affine=AXES)  # to the right, which is +x, and high
    prediction = label(SHAPE, np.s_[1:3, 5, 1:3], affine=AXES)
    rgb = projection_rgb(reference, prediction)
    right_high, left_low = places(rgb, REFERENCE_RGB), places(rgb, PREDICTION_RGB)
    assert right_high[:, 0].max() < left_low[:, 0].min()  # rows count downwards
    assert right_high[:, 1].max() < left_low[:, 1].min()


def test_storage_order_does_not_change_the_picture(label, turned):
    reference = label(SHAPE, np.s_[10:12, 5, 6:8], affine=AXES)
    prediction = label(SHAPE, np.s_[1:3, 5, 1:3], affine=AXES)
    suv = reference.with_array(np.random.default_rng(0).random(SHAPE) * 10, Quantity.SUVBW)
    expected = projection_rgb(reference, prediction, suv)
    for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        found = projection_rgb(*(turned(v, list(axes), flips) for v in (reference, prediction, suv)))
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= 1, (axes, flips)


def test_figures_are_svg_that_can_be_read():
    estimate = {"value": 0.5, "low": 0.25, "high": 0.75}
    froc = {
        "sensitivity_at": {"0.125": estimate, "8": estimate | {"value": None}},
        "band": [{"false_positives_per_case": 1.0, **estimate}],
        "curve": {"false_positives_per_case": [0.0, 1.0, 40.0], "sensitivity": [0.0, 0.5, 1.0]},
    }
    figures = [
        froc_figure(froc),
        bland_altman_figure([("a<b", 1.0, 2.0), ("c", 3.0, 3.0), ("d", 4.0, 2.0), ("empty", 0.0, 2.0)], "ml"),
        size_figure([{"name": "<0.5", "num_lesions": 3, "sensitivity": estimate}]),
        reliability_figure([{"mean_score": 0.4, "num_detections": 2, "share_true": estimate}]),
    ]
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert root.tag.endswith("svg")
        for element in root.iter():
            for name in ("cx", "x1", "x2"):
                assert -1 <= float(element.get(name, 0)) <= 461
    assert bland_altman_figure([("a", 0.0, 1.0)], "ml") == ""


@pytest.mark.parametrize("seed", range(2))
def test_a_picture_without_pet_is_white_but_for_outlines(seed, label):
    box = np.s_[2:8, 2:8, 2:8]
    rgb = projection_rgb(label(SHAPE, box, affine=AXES), label(SHAPE, box, affine=AXES))
    colours = {tuple(c) for c in rgb.reshape(-1, 3).tolist()}
    assert colours == {(255, 255, 255), PREDICTION_RGB}  # the prediction is drawn over the reference
