"""Slabs, bands and threads change nothing of a product along three axes."""

import numpy as np
import pytest

from netlesion.image.separable import apply_along_axes


def banded(rows, columns, width, rng):
    """Weights that fall to nothing `width` columns away from the diagonal."""
    distance = np.abs(np.linspace(0, columns - 1, rows)[:, None] - np.arange(columns))
    return (rng.normal(size=(rows, columns)) * (distance <= width)).astype(np.float32)


LAYOUTS = {
    "I fastest": np.asfortranarray,
    "K fastest": np.ascontiguousarray,
    "mirrored": lambda a: np.asfortranarray(a[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
    "permuted": lambda a: np.ascontiguousarray(a.transpose(1, 2, 0)).transpose(2, 0, 1),
    "part of a larger one": lambda a: np.pad(np.asfortranarray(a), 2)[2:-2, 2:-2, 2:-2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(23, 19, 37), (1, 7, 1), (5, 1, 41)])
@pytest.mark.parametrize("target", [(35, 17, 18), (1, 3, 50)])
def test_slabs_bands_and_threads_are_one_product(layout, shape, target):
    rng = np.random.default_rng(0)
    operators = [banded(m, n, 3, rng) for m, n in zip(target, shape, strict=True)]
    array = rng.normal(size=shape).astype(np.float32)
    found = apply_along_axes(operators, LAYOUTS[layout](array))
    wanted = np.einsum("ai,bj,ck,ijk->abc", *(o.astype(np.float64) for o in operators), array)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert found.flags.c_contiguous


def test_what_no_row_sees_is_not_looked_at():
    array = np.full((9, 9, 9), np.nan, dtype=np.float32)
    array[2:5, 3:7, 1:4] = 1.0
    operators = []
    for low, high in ((2, 5), (3, 7), (1, 4)):
        operators.append(np.zeros((2, 9), np.float32))
        operators[-1][:, low:high] = 1.0 / (high - low)
    np.testing.assert_allclose(apply_along_axes(operators, array), 1.0, rtol=1e-6)


def test_an_error_in_a_thread_is_raised_here():
    operators = [np.eye(40, dtype=np.float32)] * 3
    with pytest.raises(TypeError):  # the threads write float32, which no complex product fits
        apply_along_axes(operators, np.zeros((40, 40, 40), np.complex64))
