"""A tile whose first levels run in chunks gives what one forward gives, whatever the chunks."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netlesion.inference.engines import chunked as module
from netlesion.inference.engines.choose import choose
from netlesion.inference.engines.chunked import _chunks, _reading, in_chunks, pieces, run_chunked
from netlesion.inference.engines.openvino_cpu import installed
from netlesion.inference.engines.torch_eager import eager
from netlesion.models.unet import unet


def network_of(filters, norm="batch", residual=False):
    torch.manual_seed(0)
    network = unet(2, 3, filters=filters, norm=norm, residual=residual).eval()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.3, 2.0)
    return network


NETWORKS = {
    "three levels": network_of((4, 6, 8)),
    "four levels": network_of((3, 4, 5, 6)),
    "layer norm": network_of((4, 6, 8), norm="layer"),
    "residual": network_of((4, 6, 8), residual=True),
}


def in_chunks_of(network, chunk_voxels):
    return run_chunked(*pieces(network, 2, (16, 16, 16), lambda part, *_: eager(part)), chunk_voxels)


def difference(network, image, chunk_voxels):
    whole, chunks = eager(network)(image), in_chunks_of(network, chunk_voxels)(image)
    assert chunks.shape == whole.shape
    return float((chunks - whole).abs().max())


@pytest.mark.parametrize("name", NETWORKS)
@given(steps=st.tuples(st.integers(2, 6), st.integers(2, 3), st.integers(2, 2)), depth=st.integers(1, 60))
@settings(max_examples=5, deadline=None)
def test_chunks_equal_one_forward(name, steps, depth):
    shape = tuple(8 * n for n in steps)
    image = torch.randn((1, 2, *shape), generator=torch.Generator().manual_seed(depth))
    assert difference(NETWORKS[name], image, depth * shape[1] * shape[2]) < 1e-4


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("halo", ["reach_down", "reach_up"])
def test_a_halo_one_step_too_narrow_is_seen(level, halo):
    network = NETWORKS["four levels"]
    image = torch.randn((1, 2, 64, 16, 16), generator=torch.Generator().manual_seed(0))
    *levels, coarse = pieces(network, 2, (16, 16, 16), lambda part, *_: eager(part))

    def apart():
        inner = in_chunks(levels[1], coarse, 16 * 64)
        return (in_chunks(levels[0], inner, 28 * 256)(image) - eager(network)(image)).abs().max()

    assert apart() < 1e-4
    levels[level] = replace(levels[level], **{halo: getattr(levels[level], halo) - 2})
    assert apart() > 1e-3


def test_every_image_of_a_batch_is_computed():
    image = torch.randn((2, 2, 32, 16, 16), generator=torch.Generator().manual_seed(0))
    assert difference(NETWORKS["four levels"], image, 20 * 256) < 1e-4


@given(length=st.integers(1, 200).map(lambda n: 2 * n), depth=st.integers(-20, 300))
def test_chunks_meet_are_even_and_no_deeper_than_asked_but_for_rounding(length, depth):
    chunks = _chunks(length, depth)
    assert [a for a, _ in chunks] == [0, *(b for _, b in chunks[:-1])]
    assert chunks[-1][1] == length
    assert all(a < b and a % 2 == b % 2 == 0 for a, b in chunks)
    assert max(b - a for a, b in chunks) <= max(2, depth) + 2
    reads = [(max(a - low, 0), max(high - b, 0)) for a, b, low, high in _reading(chunks, 4)]
    for (before, after), (a, b) in zip(reads, chunks, strict=True):
        assert before >= min(4, a)
        assert after >= min(4, length - b)
    assert len({high - low for *_, low, high in _reading(chunks, 4)}) == 1


@pytest.mark.parametrize(
    "name", ["torch", pytest.param("openvino", marks=pytest.mark.skipif(not installed(), reason="no OpenVINO"))]
)
def test_an_engine_takes_tiles_that_are_too_large_in_chunks(name, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked, network = [], network_of((4, 6, 8))

    def chunk(engine, voxels):
        asked.append(engine)
        return None if voxels <= 16**3 else 20 * 16 * 24

    engine = choose(network, 2, (16, 16, 16), name=name, precision="fp32", chunk=chunk)
    seen, inner = [], module.FirstUp.forward
    monkeypatch.setattr(module.FirstUp, "forward", lambda self, *x: seen.append(x) or inner(self, *x))
    for shape, large in (((16, 16, 16), False), ((48, 16, 24), True)):
        image = torch.randn((1, 2, *shape), generator=torch.Generator().manual_seed(0))
        apart = (engine.predict(image) - eager(network)(image)).abs().max()
        assert apart < 1e-3
        assert bool(seen) == large
    assert set(asked) == {name}
