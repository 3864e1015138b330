"""What only a GPU can show: a visit on CUDA beside the CPU, and memory that runs out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from netlesion.image.geometry import Geometry
from netlesion.image.visit import Scan, Tracer, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.inference.engines.choose import choose
from netlesion.inference.engines.torch_eager import eager
from netlesion.models.card import ModelCard
from netlesion.models.unet import unet
from netlesion.output.provenance import Stopwatch
from netlesion.predict.settings import InferenceSettings, Machine
from netlesion.predict.visit import forward, predict_visit, prepare

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
WIDTHS = (16, 32, 64)


def a_visit(shape):
    array = np.random.default_rng(0).gamma(1.0, 1.0, shape).astype(np.float32)
    suv = Volume(array, Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), shape), Quantity.SUVBW)
    return Visit("1", "1", {"fdg": Scan("fdg", suv, Tracer.FDG)})


def a_network(norm):
    torch.manual_seed(0)
    network = unet(1, 2, filters=WIDTHS, norm=norm).eval()
    card = ModelCard(
        ("fdg",), ("fdg",), {"fdg": ("background", "lesion")}, (4.0,) * 3, (32,) * 3, {"filters": WIDTHS, "norm": norm}
    )
    return network, card


@pytest.mark.parametrize(("mode", "norm"), [("exact", "instance"), ("crop", "instance"), ("stream", "batch")])
def test_a_visit_on_a_gpu_equals_the_cpu(mode, norm):
    visit, (network, card) = a_visit((50, 43, 70)), a_network(norm)
    settings = InferenceSettings(mode, machine=Machine(batch_size=None, memory_gb=1.0))
    cpu = predict_visit(visit, card, [eager(network)], settings, Stopwatch())["fdg"].probability.array
    engine = choose(network, 1, card.window, "cuda", precision="fp32")
    assert engine.explain().endswith(", CUDA graphs")
    settings = InferenceSettings(mode, machine=Machine("cuda", None, 1.0))
    for _ in range(4):  # plain at first, then recorded and replayed
        gpu = predict_visit(visit, card, [engine.predict], settings, Stopwatch())["fdg"].probability.array
        assert np.abs(gpu - cpu).max() < 1e-4


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precisions_stay_near_float32(precision):
    network, card = a_network("instance")
    engine = choose(network, 1, card.window, "cuda", precision=precision)
    assert engine.precision == precision
    assert 0 < engine.deviation < 0.02


@pytest.mark.parametrize(("mode", "norm"), [("stream", "batch"), ("exact", "instance")])
def test_memory_that_runs_out_is_answered_by_less_at_once_and_said(mode, norm):
    visit, (network, card) = a_visit((96, 96, 320)), a_network(norm)
    card = replace(card, window=(64,) * 3)  # sixteen at a time: two feature maps alone take what there is
    plenty = InferenceSettings(mode, machine=Machine("cuda", None, 8.0))  # more than will be there
    predict = choose(network, 1, card.window, "cuda", precision="fp32").predict
    prepared, lines = prepare(visit, card, plenty, Stopwatch()), []
    whole = forward(prepared, card, [predict], plenty, Stopwatch(), lines.append)
    assert not lines
    _, total = torch.cuda.mem_get_info()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.5e9 / total)
    try:
        less = forward(prepared, card, [predict], plenty, Stopwatch(), lines.append)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert lines
    assert all("out of memory; going on with" in line for line in lines)
    assert (less.lesion.sigmoid() - whole.lesion.sigmoid()).abs().max() < 1e-4
