"""A visit made of volumes, and what a notebook shows of it."""

import numpy as np
import pytest

from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.visit import Tracer, Visit
from netlesion.image.volume import Quantity, Volume

GRID = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (5, 7, 3))
PET = Volume(np.full(GRID.shape, 2.0), GRID, Quantity.SUVBW)


def test_volumes_become_a_visit_with_their_tracers():
    visit = Visit.from_volumes({"sstr": PET, "ct": PET.with_array(PET.array, Quantity.HU)}, visit_id="v")
    assert {c: s.tracer for c, s in visit.scans.items()} == {"sstr": Tracer.SSTR, "ct": None}
    assert repr(visit) == "<Visit v: sstr, ct>"


@pytest.mark.parametrize(("channel", "reason"), [("ct", "expected HU"), ("pet", "unknown channel 'pet'")])
def test_a_volume_under_a_wrong_channel_is_refused(channel, reason):
    with pytest.raises(CohortError, match=reason):
        Visit.from_volumes({channel: PET})


def test_a_notebook_shows_the_scans_with_every_text_escaped():
    html = Visit.from_volumes({"fdg": PET}, visit_id="<b>")._repr_html_()
    assert "5x7x3 voxels of 4x4x3 mm" in html
    assert "<td>no</td>" in html
    assert "&lt;b&gt;" in html
    assert "<b><b>" not in html
