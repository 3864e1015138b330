"""One visit through every step: what a second tracer shows beyond the first one's field of view is not invented."""

import numpy as np
import torch

from netlesion.geometry import Geometry
from netlesion.models.card import ModelCard
from netlesion.pipeline import InferenceSettings, predict_visit
from netlesion.provenance import Stopwatch
from netlesion.study import Scan, Tracer, Visit
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
