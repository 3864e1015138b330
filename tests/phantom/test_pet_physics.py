"""A PET image: its mean is the blurred truth, its noise that of dose and time, in any orientation."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from netlesion.errors import ConfigError, QuantityError
from netlesion.image.geometry import Geometry
from netlesion.phantom.pet_physics import Breathing, Counts, expected_image, mu_of_hu, pet_image
from netlesion.phantom.scanners import SCANNERS

DISCOVERY = SCANNERS["discovery_mi"]
DOTATATE = Counts.of_injection("68Ga", dose_mbq=185.0, weight_kg=75.0, uptake_min=60.0, seconds_per_bed=165.0)
SPACING, SHAPE = (4.0, 4.0, 5.0), (97, 65, 61)


def trunk(spacing=SPACING, shape=SHAPE):
    """A trunk of 36 x 23 cm, muscle with a liver of 15 cm; and where the liver is, 10 mm from its edge."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(shape) - 1) / 2
    x, y, z = (np.arange(n) * h - (n - 1) * h / 2 for n, h in zip(shape, spacing, strict=True))
    x, y, z = x[:, None, None], y[None, :, None], z[None, None]
    body = ((x / 180) ** 2 + (y / 115) ** 2 + 0 * z < 1).astype(np.float32)
    away = np.sqrt((x - 70) ** 2 + y**2 + z**2)
    suv = np.where(away < 75, np.float32(5.0), body * np.float32(0.7)).astype(np.float32)
    return Geometry(affine, shape), suv, body * np.float32(0.096), away < 60


def liver_cov(seconds=165.0, seed=1, scanner=DISCOVERY):
    grid, suv, mu, liver = trunk()
    image = pet_image(suv, mu, grid, scanner=scanner, counts=replace(DOTATATE, seconds_per_bed=seconds), seed=seed)
    return float(image[liver].std() / image[liver].mean())


def test_counts_of_an_injection():
    assert DOTATATE.bq_ml_per_suv == pytest.approx(185e6 / 75e3 * np.exp(-np.log(2) * 3600 / 4062.6))
    assert DOTATATE.decays == pytest.approx(DOTATATE.bq_ml_per_suv * 165.0 * 0.891)


def test_attenuation_of_water_air_and_bone():
    assert mu_of_hu(np.array([-1024.0, -1000.0, 0.0, 1000.0])) == pytest.approx([0.0, 0.0, 0.096, 0.145], abs=1e-3)


def test_a_dotatate_liver_is_as_noisy_as_clinical_md_7_5_says():
    assert 0.10 < liver_cov() < 0.15


def test_noise_falls_with_the_root_of_time():
    assert liver_cov(seconds=60.0) / liver_cov(seconds=240.0) == pytest.approx(2.0, rel=0.03)


def test_fdg_blood_pool_on_pet_mr_is_as_noisy_as_clinical_md_7_5_says():
    """22 % at 4 min and 42 % at 1 min per bed, seen on an mMR with a filter of 4 mm; a root of time gives 44 %."""
    narrow = replace(SCANNERS["biograph_mmr"], filter_mm=(4.0, 4.0))
    grid, suv, mu, _ = trunk()
    x, y = (np.arange(n) * 4.0 - (n - 1) * 2.0 for n in SHAPE[:2])
    lung = ((np.abs(x[:, None]) - 85) / 60) ** 2 + ((y[None] - 10) / 75) ** 2 < 1
    suv = np.where(suv > 0, np.float32(0.7), np.float32(0.0))
    suv[lung], mu[lung] = 0.45, 0.028
    suv[44:53, 28:37] = 1.6
    for seconds, expected in ((240.0, 0.22), (60.0, 0.42)):
        counts = Counts.of_injection("18F", dose_mbq=300, weight_kg=75, uptake_min=60, seconds_per_bed=seconds)
        image = pet_image(suv, mu, grid, scanner=narrow, counts=counts, seed=2)
        core = image[46:51, 30:35]
        assert core.std() / core.mean() == pytest.approx(expected, rel=0.15)


def test_the_mean_of_an_organ_is_kept_and_nothing_is_negative():
    grid, suv, mu, liver = trunk()
    clean = expected_image(suv, grid, scanner=DISCOVERY, nuclide="68Ga")
    means = []
    for seed in range(4):
        image = pet_image(suv, mu, grid, scanner=DISCOVERY, counts=DOTATATE, seed=seed)
        assert image.dtype == np.float32
        assert image.min() >= 0.0
        means.append(image[liver].mean())
    assert np.mean(means) == pytest.approx(clean[liver].mean(), rel=0.01)


def test_endless_counts_give_the_expected_image():
    grid, suv, mu, _ = trunk()
    endless = replace(DOTATATE, seconds_per_bed=float("inf"))
    breathing, lung = Breathing(0.0, 12.0), np.full(SHAPE, 0.3, dtype=np.float32)
    image = pet_image(
        suv, mu, grid, scanner=DISCOVERY, counts=endless, lung_share_IJK=lung, breathing=breathing, seed=0
    )
    clean = expected_image(suv, grid, scanner=DISCOVERY, nuclide="68Ga", lung_share_IJK=lung, breathing=breathing)
    assert np.array_equal(image, clean)


def test_any_orientation_shows_the_same_body():
    grid, suv, _, _ = trunk()
    lung = (suv == 5.0).astype(np.float32)
    breathing = Breathing(30.0, 14.0)
    facts = {"scanner": DISCOVERY, "nuclide": "68Ga", "breathing": breathing}
    plain = expected_image(suv, grid, lung_share_IJK=lung, **facts)
    order, flips = (2, 0, 1), (slice(None, None, -1), slice(None), slice(None, None, -1))
    affine = grid.affine_ras[:, [*order, 3]].copy()
    shape = tuple(np.array(SHAPE)[list(order)].tolist())
    for axis in (0, 2):
        affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
        affine[:3, axis] *= -1
    turned = Geometry(affine, shape)

    def turn(array):
        return array.transpose(order)[flips]

    image = expected_image(turn(suv), turned, lung_share_IJK=turn(lung), **facts)
    assert np.abs(image - turn(plain)).max() < 2e-5


def test_positrons_of_gallium_fly_further_in_lung():
    grid = Geometry(np.diag([3.0, 3.0, 3.0, 1.0]), (41, 43, 45))
    point = np.zeros(grid.shape, dtype=np.float32)
    point[20, 21, 22] = 1000.0
    lung = np.ones(grid.shape, dtype=np.float32)
    tall = {
        (nuclide, inside): expected_image(
            point, grid, scanner=DISCOVERY, nuclide=nuclide, lung_share_IJK=lung if inside else None
        )
        for nuclide in ("18F", "68Ga")
        for inside in (False, True)
    }
    assert tall["68Ga", True].max() < 0.75 * tall["68Ga", False].max() < 0.65 * tall["18F", False].max()
    assert tall["18F", True].max() == pytest.approx(tall["18F", False].max())
    assert [image.sum() for image in tall.values()] == pytest.approx([1000.0] * 4, rel=1e-4)


SEEDED = """
import hashlib, sys
sys.path.insert(0, {root!r})
from tests.phantom.test_pet_physics import DISCOVERY, DOTATATE, trunk
from netlesion.phantom.pet_physics import pet_image
grid, suv, mu, _ = trunk()
print(hashlib.sha256(pet_image(suv, mu, grid, scanner=DISCOVERY, counts=DOTATATE, seed=11).tobytes()).hexdigest())
"""


def test_a_seed_gives_the_same_bytes_on_any_number_of_threads():
    grid, suv, mu, _ = trunk()
    facts = {"scanner": DISCOVERY, "counts": DOTATATE}
    here = hashlib.sha256(pet_image(suv, mu, grid, seed=11, **facts).tobytes()).hexdigest()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = {**os.environ, "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-c", SEEDED.format(root=root)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == here
    assert hashlib.sha256(pet_image(suv, mu, grid, seed=12, **facts).tobytes()).hexdigest() != here


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (7, 1, 2)])
def test_empty_and_tiny_volumes(shape):
    grid = Geometry(np.diag([4.0, 3.0, 5.0, 1.0]), shape)
    nothing, something = np.zeros(shape, dtype=np.float32), np.full(shape, 2.0, dtype=np.float32)
    facts = {"scanner": DISCOVERY, "counts": DOTATATE, "breathing": Breathing(0.0, 10.0), "seed": 0}
    assert not pet_image(nothing, nothing, grid, **facts).any()
    image = pet_image(something, something * np.float32(0.05), grid, lung_share_IJK=nothing, **facts)
    assert np.isfinite(image).all()
    assert image.min() > 0.0


def test_nonsense_is_refused():
    grid = Geometry(np.eye(4), (3, 4, 5))
    good = np.ones((3, 4, 5), dtype=np.float32)
    for suv, mu in ((-good, good), (good * np.nan, good), (good, good * np.inf), (good[:2], good)):
        with pytest.raises(QuantityError, match="activity|attenuation"):
            pet_image(suv, mu, grid, scanner=DISCOVERY, counts=DOTATATE, seed=0)
    with pytest.raises(QuantityError, match="lung"):
        pet_image(good, good, grid, scanner=DISCOVERY, counts=DOTATATE, lung_share_IJK=good[:2], seed=0)
    with pytest.raises(ConfigError, match="no counts"):
        Counts("18F", 1000.0, 0.0)
    with pytest.raises(ConfigError, match="weight"):
        Counts.of_injection("18F", dose_mbq=300, weight_kg=0.0, uptake_min=60, seconds_per_bed=120)
