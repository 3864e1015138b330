"""Stage: points go both ways, voxels and blocks lie where the pose says, displaced or not, beyond the grid too."""

import os
import subprocess
import sys

import numpy as np
import pytest

from netlesion.phantom.stage import Stage
from tests.small_stages import grid, moving, still


def test_points_go_to_the_scan_and_come_back():
    pose = moving()
    points = np.random.default_rng(2).uniform(-90, 90, (200, 3))
    for segment in ("trunk", "head", "shank_right"):
        back = pose.to_body(pose.to_scan(points, segment), segment)
        np.testing.assert_allclose(back, points, atol=0.01)
    assert np.abs(pose.to_scan(points, "trunk") - points).max() > 3.0


@pytest.mark.parametrize("segment", ["trunk", "head", "shank_right"])
@pytest.mark.parametrize("block", [1, 2, 4])
def test_blocks_lie_where_the_pose_says(segment, block):
    """The displacement is interpolated, so the trunk is right to a fraction of a millimetre."""
    stage = Stage(grid(), moving())
    box = tuple(slice(0, -(-n // block)) for n in stage.geometry.shape)
    found = np.stack(np.broadcast_arrays(*stage.middles(segment, box, block)), axis=-1)
    index = np.stack(np.meshgrid(*(np.arange(s.stop) for s in box), indexing="ij"), axis=-1) * block + (block - 1) / 2
    true = stage.pose.to_body(stage.geometry.to_world(index.reshape(-1, 3)), segment).reshape(found.shape)
    within = (index <= np.array(stage.geometry.shape) - 1).all(axis=-1)
    error = np.linalg.norm(found - true, axis=-1)
    assert error[within].max() < (0.3 if segment == "trunk" else 1e-3)
    assert error.max() < 1.0


@pytest.mark.parametrize("segment", ["trunk", "shank_right"])
@pytest.mark.parametrize("pose", [still(), moving()], ids=["still", "moving"])
def test_single_places_and_eighths_are_those_of_the_whole_box(segment, pose):
    stage = Stage(grid(), pose)
    box = (slice(3, 15), slice(1, 11), slice(2, 30))
    stage.keep([tuple(slice(0, n) for n in stage.geometry.shape)], segment)
    whole = np.stack(np.broadcast_arrays(*stage.middles(segment, box)))
    index = tuple(np.array(n) for n in ((3, 7, 14), (1, 10, 4), (2, 29, 17)))
    single = np.stack(np.broadcast_arrays(*stage.middles_at(segment, index)))
    local = tuple(n - s.start for n, s in zip(index, box, strict=True))
    np.testing.assert_allclose(single, whole[(slice(None), *local)], atol=1e-3)
    large = tuple(np.array(n) for n in ((2, 5), (1, 3), (4, 9)))
    eighths = np.stack([np.broadcast_to(c, (2, 2, 2, 2)) for c in stage.eighths(segment, large, 1)])
    for n in range(2):
        corner = tuple(slice(2 * a[n] - s.start, 2 * a[n] + 2 - s.start) for a, s in zip(large, box, strict=True))
        np.testing.assert_allclose(eighths[:, n], whole[(slice(None), *corner)], atol=1e-3)


def test_coordinates_do_not_depend_on_what_else_is_kept():
    box = (slice(5, 20), slice(4, 12), slice(10, 25))
    alone, among = Stage(grid(), moving()), Stage(grid(), moving())
    among.keep([tuple(slice(0, n) for n in among.geometry.shape)], "trunk")
    for a, b in zip(alone.middles("trunk", box), among.middles("trunk", box), strict=True):
        np.testing.assert_allclose(a, b, atol=0.15)


PRINTED = """
import hashlib, sys
sys.path.insert(0, {root!r})
from netlesion.phantom.stage import Stage
from tests.small_stages import grid, moving
stage = Stage(grid((4.0, 4.0, 4.0), (420.0, 305.0, 877.0)), moving())
found = stage.middles("trunk", tuple(slice(0, n) for n in stage.geometry.shape))
print(hashlib.sha256(b"".join(c.tobytes() for c in found)).hexdigest())
"""


def test_coordinates_are_the_same_bytes_on_any_number_of_threads():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    printed = []
    for threads in ("1", "3"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", PRINTED.format(root=root)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        printed.append(done.stdout)
    assert printed[0] == printed[1]
