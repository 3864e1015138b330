"""Carving: a cut solid is the same drawn part by part or as a whole, with others or alone."""

from itertools import product

import numpy as np
import pytest

from netlesion.phantom import carve
from netlesion.phantom.body.parts import Part
from netlesion.phantom.compounds import Mirrored, Offset, Union, Within
from netlesion.phantom.paint import paint, share_of
from netlesion.phantom.solids import Capsule, Ellipsoid, Half, sphere
from netlesion.phantom.stage import Stage
from tests.small_stages import grid, moving

CAVITY = Within(
    Ellipsoid((0, 0, 0), (52, 44, 48)), holes=(Union((sphere((0, -40, 0), 14.0), sphere((0, -40, 20), 12.0))),)
)
ORGAN = Ellipsoid((10, -10, 5), (48, 40, 38), turn_deg=(10, 20, 30))
CUT = {
    "limit": Within(ORGAN, (CAVITY,)),
    "holes": Within(ORGAN, holes=(sphere((20, 0, 0), 18.0), Offset(sphere((-10, 0, 0), 12.0), 3.0))),
    "lobe": Within(CAVITY, (Half((5, 0, 0), (1.0, 0.2, 0.1)), Half((0, 0, 4), (0.0, 0.7, 0.6)))),
    "hole that is cut": Within(ORGAN, holes=(CAVITY,)),
    "mirrored": Mirrored(Within(ORGAN, (CAVITY,), (sphere((20, 0, 0), 18.0),))),
    "mirrored within": Within(Mirrored(ORGAN), (Mirrored(Offset(CAVITY, -4.0)),)),
}


@pytest.mark.parametrize(("name", "margin"), list(product(CUT, (0.0, -5.0, 3.0))))
def test_a_cut_solid_is_the_same_by_its_parts_and_as_a_whole(name, margin, monkeypatch):
    geometry = grid((2.0, 2.5, 1.5))
    parts = share_of(Stage(geometry, moving()), Offset(CUT[name], margin), "trunk")
    monkeypatch.setattr(carve, "LARGE_BOX", 10**9)
    whole = share_of(Stage(geometry, moving()), Offset(CUT[name], margin), "trunk")
    assert parts.box == whole.box
    assert 0.0 < parts.share.mean() < 1.0
    np.testing.assert_allclose(parts.share, whole.share, rtol=0, atol=1e-5)


def test_solids_that_share_a_cut_are_what_each_is_alone():
    halves = [Half((0, 0, 0), n) for n in ((1.0, 0, 0), (-1.0, 0, 0), (0, 1.0, 0))]
    solids = [Within(CAVITY, (half,)) for half in halves] + [Within(ORGAN, (CAVITY,)), Offset(ORGAN, -4.0)]
    bowel = Within(Capsule((-30, 10, 0), (30, 20, 10), 9.0, 8.0), (CAVITY,))
    stage, parts = Stage(grid((2.0, 2.5, 1.5)), moving()), [Part("", "fat", s) for s in (*solids, bowel)]
    drawn = list(paint(stage, parts))
    assert len(drawn) == 6
    for part, share in drawn:
        alone = share_of(stage, part.solid, part.segment)
        assert share.box == alone.box
        np.testing.assert_allclose(share.share, alone.share, rtol=0, atol=1e-6)
