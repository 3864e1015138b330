"""When a shape is recorded, kept and let go, with a recorder that a CPU has; the recording itself needs a GPU."""

import pytest
import torch

from netlesion.inference.engines.cuda_graphs import KEPT, graphed
from netlesion.inference.engines.torch_eager import eager
from netlesion.models.unet import unet


def twice(windows):
    return 2.0 * windows


def counting(records):
    def record(predict, windows):
        records.append(tuple(windows.shape))
        return lambda now: predict(now) + 0.0

    return record


def test_a_shape_is_recorded_once_and_only_when_it_comes_again():
    records = []
    predict = graphed(twice, after=2, record=counting(records))
    for n in range(6):
        assert torch.equal(predict(torch.full((1, 1, 4, 4, 4), float(n))), torch.full((1, 1, 4, 4, 4), 2.0 * n))
        assert len(records) == (n >= 2)
    predict(torch.zeros(1, 1, 8, 8, 8))
    assert len(records) == 1, "a shape seen once is computed plainly"


def test_what_takes_longer_than_its_launches_is_not_recorded(monkeypatch):
    monkeypatch.setattr("netlesion.inference.engines.cuda_graphs.LARGEST", 64)
    records = []
    predict = graphed(twice, after=0, record=counting(records))
    predict(torch.zeros(1, 3, 4, 4, 4))
    predict(torch.zeros(2, 3, 4, 4, 4))
    assert records == [(1, 3, 4, 4, 4)], "channels do not count, windows do"


def test_the_least_used_shape_is_let_go():
    records = []
    predict = graphed(twice, after=0, record=counting(records))
    shapes = [(1, 1, 2, 2, n) for n in range(1, KEPT + 2)]
    for shape in shapes:
        predict(torch.zeros(shape))
    predict(torch.zeros(shapes[-1]))
    assert records == shapes
    predict(torch.zeros(shapes[0]))
    assert records == [*shapes, shapes[0]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_recorded_network_equals_the_plain_one():
    torch.manual_seed(0)
    plain = eager(unet(2, 2, filters=(8, 16, 32)).eval(), "cuda")
    predict = graphed(plain, after=0)
    for seed in range(3):
        windows = torch.randn((2, 2, 16, 16, 16), generator=torch.Generator().manual_seed(seed)).cuda()
        torch.testing.assert_close(predict(windows), plain(windows))
