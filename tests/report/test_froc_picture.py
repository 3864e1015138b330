"""A FROC curve as pixels: where its steps lie."""

import numpy as np

from netlesion.report.froc_picture import BOTTOM, COLOURS, HEIGHT, TOP, _at, froc_picture


def test_a_step_lies_where_its_rate_and_sensitivity_are():
    rgb = froc_picture({"sstr": (np.array([0.0, 1.0, 40.0]), np.array([0.0, 0.5, 1.0]))})
    coloured = (rgb == COLOURS[0]).all(axis=-1)
    assert rgb.shape == (HEIGHT, rgb.shape[1], 3)
    half = round(_at(1.0, 0.5)[1])
    right_of_one, left_of_one = round(_at(3.0, 0)[0]), round(_at(0.3, 0)[0])
    assert coloured[half, right_of_one]
    assert not coloured[half, left_of_one]
    assert coloured[HEIGHT - BOTTOM, left_of_one]
    assert coloured[(half + HEIGHT - BOTTOM) // 2, round(_at(1.0, 0)[0])]
    assert not coloured[TOP + 40 : half - 3, right_of_one].any(), "a rate beyond the axis is not drawn"
