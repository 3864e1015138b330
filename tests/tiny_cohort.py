"""A cohort that a training is through with in seconds."""

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume


def write_tiny_cohort(root):
    """Five patients of the sts_crops layout: a hot ball in noise, MR missing in one; returns the folder."""
    for n in range(5):
        rng = np.random.default_rng(n)
        shape = (13 + n, 11, 15)
        grid = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), shape)
        ball = sum((np.indices(shape)[a] - (6, 5, 7)[a]) ** 2 for a in range(3)) <= 9
        suv = rng.gamma(2.0, 0.3, size=shape) + 6.0 * ball
        folder = root / f"STS_{n:03d}"
        write_volume(folder / "PET_image.nii.gz", Volume(suv, grid, Quantity.SUVBW))
        write_volume(folder / "PET_mask.nii.gz", Volume(ball, grid, Quantity.LABEL))
        write_volume(folder / "CT_image.nii.gz", Volume(rng.normal(0, 50, shape), grid, Quantity.HU))
        if n != 3:
            write_volume(folder / "MR_T1_image.nii.gz", Volume(rng.gamma(2.0, 100.0, shape), grid, Quantity.MR))
    return root
