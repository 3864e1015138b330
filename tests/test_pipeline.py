"""One visit through every step: what a second tracer shows beyond the first one's field of view is not invented."""

import numpy as np
import pytest
import torch

from netlesion.geometry import Geometry
from netlesion.models.card import ModelCard
from netlesion.pipeline import InferenceSettings, predict_visit
from netlesion.provenance import Stopwatch
from netlesion.study import Scan, Tracer, Visit
from netlesion.transform import DisplacementField, RigidTransform
from netlesion.volume import Quantity, Volume

CLASSES = {"sstr": ("background", "lesion"), "fdg": ("background", "lesion")}
CARD = ModelCard(("sstr", "fdg"), ("sstr", "fdg"), CLASSES, (4.0, 4.0, 4.0), (8, 8, 8), {})


def hot_is_lesion(windows):
    signal = 40.0 * (windows[:, :2] - np.log1p(5.0) / np.log1p(10.0))
    return torch.stack([-signal[:, 0], signal[:, 0], -signal[:, 1], signal[:, 1]], dim=1)


def test_no_lesion_beyond_the_field_of_view_that_the_network_saw():
    short, long = np.eye(4) * 4, np.eye(4) * 4
    short[3, 3] = long[3, 3] = 1
    long[2, 3] = -40.0
    sstr = Volume(np.ones((9, 11, 10)), Geometry(short, (9, 11, 10)), Quantity.SUVBW)
    hot = np.ones((9, 11, 20))
    hot[3:6, 3:6, 10] = 20.0
    fdg = Volume(hot, Geometry(long, (9, 11, 20)), Quantity.SUVBW)
    visit = Visit("1", "1", {"sstr": Scan("sstr", sstr, Tracer.SSTR), "fdg": Scan("fdg", fdg, Tracer.FDG)})
    result = predict_visit(visit, CARD, hot_is_lesion, InferenceSettings(), Stopwatch())["fdg"]
    assert result.lesions.array[3:6, 3:6, 10].all(), "the lesion at the edge is found"
    assert not result.lesions.array[:, :, :9].any(), "and not smeared over what was never seen"


@pytest.mark.parametrize("kind", ["rigid", "field"])
def test_a_second_tracer_of_another_frame_gets_its_lesions_on_its_own_grid(kind):
    """FDG of another day lies 60 mm off and 2 voxels over; its lesion is found at its own voxels."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    elsewhere = affine.copy()
    elsewhere[:3, 3] = (60.0, -24.0, 8.0)
    sstr = Volume(np.ones((13, 11, 9)), Geometry(affine, (13, 11, 9)), Quantity.SUVBW)
    hot = np.ones((15, 13, 11))
    hot[5:8, 6:8, 4:6] = 20.0
    fdg = Volume(hot, Geometry(elsewhere, hot.shape), Quantity.SUVBW)
    matrix = np.eye(4)
    matrix[:3, 3] = (68.0, -20.0, 8.0)
    transform = RigidTransform(matrix)
    if kind == "field":
        grid = Geometry(np.diag([8.0, 8.0, 8.0, 1.0]), (7, 7, 5))
        transform = DisplacementField(np.broadcast_to(matrix[:3, 3], (7, 7, 5, 3)), grid)
    visit = Visit(
        "1", "1", {"sstr": Scan("sstr", sstr, Tracer.SSTR), "fdg": Scan("fdg", fdg, Tracer.FDG, transform=transform)}
    )
    result = predict_visit(visit, CARD, hot_is_lesion, InferenceSettings(), Stopwatch())
    found = result["fdg"].lesions
    assert found.geometry.same_grid(fdg.geometry)
    assert np.array_equal(found.array > 0, hot > 5)
    assert result["fdg"].rows[0].suvmax_g_per_ml == 20.0
    assert not result["sstr"].lesions.array.any()
