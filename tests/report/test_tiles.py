"""Tiles of a lesion: which way they look, what they show, and that a transform is followed."""

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform
from netlesion.image.visit import Scan, Tracer, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.report.tiles import GAP, OUTLINE_RGB, SIDE, TileMaker

GRID = Geometry(np.array([[-4.0, 0, 0, 100], [0, 4.0, 0, -90], [0, 0, 5.0, -60], [0, 0, 0, 1]]), (51, 45, 37))
TILES = {
    "axial": np.s_[:SIDE, :SIDE],
    "coronal": np.s_[:SIDE, SIDE + GAP :],
    "sagittal": np.s_[SIDE + GAP :, :SIDE],
    "fourth": np.s_[SIDE + GAP :, SIDE + GAP :],
}


def at(point):
    return tuple(np.rint(GRID.to_index(np.array([point], dtype=float))[0]).astype(int))


def pet(*spots):
    suv, labels = np.zeros(GRID.shape), np.zeros(GRID.shape, dtype=np.uint8)
    for n, (point, value) in enumerate(spots, start=1):
        i, j, k = at(point)
        suv[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2] = labels[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2] = n
        suv[labels == n] = value
        suv[i, j, k] += 1.0
    return Volume(suv, GRID, Quantity.SUVBW), Volume(labels, GRID, Quantity.LABEL)


def visit(*scans):
    return Visit("P", "P", {s.channel: s for s in scans})


def hot(tile):
    """Row and column of the middle of what is bright red, away from the outlines."""
    found = np.argwhere((tile[..., 0].astype(int) > 120) & (tile[..., 2] < 120))
    return found.mean(axis=0)


def test_each_plane_has_head_up_front_up_and_the_right_on_the_left():
    """A second spot lies 30 mm to the right, 20 mm in front of and 40 mm above the lesion."""
    suv, labels = pet(((0, 0, 0), 3.0), ((28, 0, 0), 9.0), ((0, 20, 0), 9.0), ((0, 0, 40), 9.0))
    ct = Volume(np.full(GRID.shape, 40.0), GRID, Quantity.HU)
    picture = TileMaker(visit(Scan("sstr", suv, Tracer.SSTR), Scan("ct", ct)), {"sstr": labels}).picture("sstr", 1)
    middle = (SIDE - 1) / 2
    axial, coronal, sagittal = (picture[TILES[name]] for name in ("axial", "coronal", "sagittal"))
    assert hot(axial[:, : SIDE // 2 - 12])[1] < middle  # the spot on the right appears on the left
    assert hot(axial[: SIDE // 2 - 10])[0] < middle  # that in front appears above
    assert hot(coronal[: SIDE // 2 - 20])[0] < middle  # that above appears above
    assert hot(sagittal[:, : SIDE // 2 - 10])[1] < middle  # in front is on the left
    assert (picture[TILES["fourth"]].std(axis=-1) == 0).all()  # CT alone has no colour


def test_the_lesion_is_outlined_and_not_its_neighbour():
    suv, labels = pet(((0, 0, 0), 3.0), ((28, 0, 0), 9.0))
    tile = TileMaker(visit(Scan("fdg", suv, Tracer.FDG)), {"fdg": labels}).picture("fdg", 1)[TILES["axial"]]
    marked = np.argwhere((tile == OUTLINE_RGB).all(axis=-1))
    assert len(marked)
    assert np.abs(marked - (SIDE - 1) / 2).max() < 10


def test_another_frame_is_followed_through_its_transform_and_the_fourth_tile_shows_the_other_tracer():
    """FDG lies 12 mm off; with its transform its spot appears in the middle of the lesion's tile."""
    suv, labels = pet(((0, 0, 0), 8.0))
    moved, moved_labels = pet(((12, 0, 0), 6.0))
    shift = np.eye(4)
    shift[0, 3] = 12.0
    scans = Scan("sstr", suv, Tracer.SSTR), Scan("fdg", moved, Tracer.FDG, transform=RigidTransform(shift))
    maker = TileMaker(visit(*scans), {"sstr": labels, "fdg": moved_labels})
    assert (maker.fourth("sstr"), maker.fourth("fdg")) == ("fdg", "sstr")
    for channel in ("sstr", "fdg"):
        picture = maker.picture(channel, 1)
        for name in ("axial", "fourth"):
            dark = np.argwhere(picture[TILES[name]].max(axis=-1) < 150)  # inverse grey: there is no CT
            assert dark.mean(axis=0) == pytest.approx([(SIDE - 1) / 2] * 2, abs=2.0), (channel, name)


def test_a_plane_that_leaves_the_image_is_drawn_and_one_voxel_is_a_lesion():
    suv, labels = (v.array.copy() for v in pet(((0, 0, 0), 8.0)))
    labels[:] = 0
    labels[0, 0, 0], suv[0, 0, 0] = 1, 20.0
    scans = Scan("psma", Volume(suv, GRID, Quantity.SUVBW), Tracer.PSMA)
    picture = TileMaker(visit(scans), {"psma": Volume(labels, GRID, Quantity.LABEL)}).picture("psma", 1)
    assert picture.shape == (2 * SIDE + GAP, 2 * SIDE + GAP, 3)
    assert (picture == OUTLINE_RGB).all(axis=-1).any()
