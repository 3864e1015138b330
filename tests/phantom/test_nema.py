"""Contrast recovery of the NEMA spheres: exact without blur, and that of clinical.md 7.5 for the two GE scanners."""

import numpy as np
import pytest

from netlesion.phantom.nema import SPHERE_MM, contrast_recovery, nema_phantom
from netlesion.phantom.pet_physics import expected_image
from netlesion.phantom.scanners import SCANNERS

#: clinical.md 7.5, NEMA contrast recovery of 10 to 37 mm in percent.
PUBLISHED = {
    "discovery_mi": (53.7, 64.0, 73.1, 82.7, 86.8, 90.7),
    "signa_petmr": (36.5, 50.6, 60.0, 68.6, 80.7, 88.6),
}


def test_spheres_have_their_volumes():
    phantom = nema_phantom((3.0, 2.0, 2.5), contrast=5.0, length_mm=60.0)
    for diameter, centre in zip(SPHERE_MM, phantom.centres_mm, strict=True):
        at = phantom.geometry.to_index(np.array([centre]))[0]
        reach = np.ceil((diameter / 2 + 1) / np.array(phantom.geometry.spacing_mm)).astype(int) + 1
        box = tuple(slice(round(c) - r, round(c) + r + 1) for c, r in zip(at, reach, strict=True))
        above = (phantom.activity[box] - 1.0).sum() / 4.0 * phantom.geometry.voxel_volume_ml
        assert above == pytest.approx(np.pi * diameter**3 / 6000.0, rel=0.02)


def test_without_blur_recovery_is_lost_at_the_voxels_of_the_edge_only():
    phantom = nema_phantom((1.0, 1.0, 2.0), length_mm=60.0)
    assert contrast_recovery(phantom.activity, phantom) == pytest.approx(np.full(6, 100.0), abs=8.0)
    assert contrast_recovery(phantom.activity, phantom)[-1] > 97.0


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_recovery_is_within_eight_points_of_the_scanner_as_published(name):
    scanner = SCANNERS[name]
    phantom = nema_phantom(scanner.spacing_mm, length_mm=80.0)
    image = expected_image(phantom.activity, phantom.geometry, scanner=scanner, nuclide="18F")
    assert contrast_recovery(image, phantom) == pytest.approx(np.array(PUBLISHED[name]), abs=8.0)


def test_recovery_does_not_depend_on_the_contrast():
    scanner, found = SCANNERS["biograph_truepoint"], []
    for contrast in (4.0, 8.0):
        phantom = nema_phantom(scanner.spacing_mm, contrast=contrast, length_mm=80.0)
        image = expected_image(phantom.activity, phantom.geometry, scanner=scanner, nuclide="68Ga")
        found.append(contrast_recovery(image, phantom))
    assert found[0] == pytest.approx(found[1], abs=0.5)
