"""A small BIDS cohort on disk: DOTATATE and FDG of one visit and DOTATATE of a second one, with masks and an organ
map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.files import PetRecord, SessionRow, derivative_path, image_path, write_dataset, write_pet
from netlesion.io.bids.transforms import TransformFacts, transform_path, write_transform
from netlesion.io.nifti import write_volume
from netlesion.output.atomic import write_text

GRID = Geometry(np.array([[-4.0, 0, 0, 60], [0, 4.0, 0, -50], [0, 0, 5.0, -70], [0, 0, 0, 1]]), (30, 26, 28))
#: session -> tracer, visit, lesions as (centre in voxels, radius in voxels).
SESSIONS = {
    "01": ("dotatate", 1, [((8, 12, 10), 2.2), ((20, 12, 20), 2.2)]),
    "02": ("fdg", 1, [((8, 12, 10), 2.2)]),
    "03": ("dotatate", 2, [((8, 12, 10), 1.6)]),
}
FACTS = TransformFacts("rigid", 0.1, 0.2, 0.5, 1.0)


def spot(centre, radius) -> np.ndarray:
    places = np.indices(GRID.shape)
    return sum((places[a] - centre[a]) ** 2 for a in range(3)) <= radius**2


def make(root: Path, linked: bool = True, flip: tuple[int, ...] = (), finer: int = 1, one_day: bool = False) -> Path:
    """Patient 001 with an ileal primary in the box called small_bowel.

    linked: transforms are stored. flip: axes that run the other way. finer: voxels so many times smaller along each
    axis. one_day: both tracers of the first visit in one session.
    """
    sessions = {}
    for session, (label, visit, lesions) in SESSIONS.items():
        held = "01" if one_day and session == "02" else session
        sessions[held] = visit
        path = image_path(root, "001", held, "pet", "pet", f"trc-{label}")
        nuclide, half_life = ("18F", 6586.2) if label == "fdg" else ("68Ga", 4062.6)
        record = PetRecord(
            label, nuclide, half_life, 150e6, 70.0, 3600.0, 3600.0, "10:00:00", "series",
            manufacturer="SIEMENS", model="Biograph", reconstruction="OSEM",
        )  # fmt: skip
        factor = 70_000 / (150e6 * 2 ** (-3600 / half_life))
        mask, suv = np.zeros(GRID.shape, np.uint8), np.full(GRID.shape, 0.8)
        for n, (centre, radius) in enumerate(lesions, 1):
            mask[spot(centre, radius)], suv[spot(centre, radius)] = n, 8.0
        organs = np.zeros(GRID.shape, np.uint8)
        organs[14:28, 4:22, 15:26], organs[3:13, 6:18, 4:16] = 1, 2
        write_pet(path, laid(suv / factor, Quantity.BQML, flip, finer), record)
        write_volume(derivative_path(root, path, "lesions", "dseg"), laid(mask, Quantity.LABEL, flip, finer))
        write_volume(derivative_path(root, path, "organs", "dseg"), laid(organs, Quantity.LABEL, flip, finer))
    rows = [SessionRow(s, visit, 70.0, 175.0, f"2000-01-{1 + 9 * (int(s) - 1):02d}") for s, visit in sessions.items()]
    write_dataset(root, {"001": rows})
    write_text(root / "derivatives/netlesion/desc-organs_dseg.tsv", "index\tname\n1\tliver\n2\tsmall_bowel\n")
    write_text(root / "participants.tsv", "participant_id\tprimary_site\tdisease\tsex\nsub-001\tileum\tnet\tF\n")
    if linked:
        for moving in (f"ses{s}" for s in sessions if s != "01"):
            path = transform_path(root / "derivatives/netlesion", "001", moving, "ses01")
            write_transform(path, moving, "ses01", RigidTransform(np.eye(4)), FACTS)
    return root


def laid(array: np.ndarray, quantity: Quantity, flip: tuple[int, ...], finer: int) -> Volume:
    """The same image on a grid whose axes run otherwise, or of smaller voxels."""
    affine = GRID.affine_ras.copy()
    for axis in flip:
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
    array = np.flip(array, flip)
    for axis in range(3):
        array = np.repeat(array, finer, axis=axis)
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, (finer - 1) / (2 * finer))
    affine[:3, :3] /= finer
    return Volume(np.ascontiguousarray(array), Geometry(affine, array.shape), quantity)
