"""Digital visits on coarse grids, written as a cohort with one fault planted at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.files import (
    PetRecord,
    SessionRow,
    derivative_path,
    image_path,
    write_dataset,
    write_image,
    write_pet,
)
from netlesion.io.nifti import write_volume
from netlesion.phantom.cohort import ONE_SESSION, PhantomVisit, make_visit

SETTINGS = replace(ONE_SESSION, spacing_mm=(6.0, 5.6, 6.0), ct_spacing_mm=(5.6, 6.0, 6.0))
LABEL_OF = {"sstr": ("dotatate", "68Ga"), "fdg": ("fdg", "18F")}
Edit = Callable[[Volume], Volume]


@pytest.fixture(scope="session")
def patients() -> tuple[PhantomVisit, ...]:
    """Two patients with lesions that both tracers show."""
    return tuple(make_visit(index, seed=11, settings=SETTINGS) for index in (2, 3))


@pytest.fixture
def build(tmp_path, patients):
    """Writes a cohort of the subjects' channels; edits of images and masks go to the first, record to every PET."""

    def make(
        subjects: Mapping[str, PhantomVisit] | None = None,
        images: Mapping[str, Edit] | None = None,
        masks: Mapping[str, Edit] | None = None,
        record: Mapping[str, float] | None = None,
        channels: tuple[str, ...] = ("fdg", "ct"),
    ) -> Path:
        root = tmp_path / "cohort"
        subjects = {"001": patients[0]} if subjects is None else subjects
        for number, (subject, made) in enumerate(subjects.items()):
            first = number == 0
            edits = (images or {}, masks or {}) if first else ({}, {})
            _write(root, subject, made, channels, *edits, record or {})
        write_dataset(root, {s: [SessionRow("01", 1)] for s in subjects})
        return root

    return make


def _write(root, subject, made, channels, images, masks, record) -> None:
    unchanged: Edit = lambda volume: volume  # noqa: E731
    for channel in channels:
        scan = made.visit.scans[channel]
        volume = images.get(channel, unchanged)(scan.volume)
        if channel == "ct":
            write_image(image_path(root, subject, "01", "ct", "ct"), volume, {"Modality": "CT"})
            continue
        label, nuclide = LABEL_OF[channel]
        facts = scan.acquisition
        path = image_path(root, subject, "01", "pet", "pet", f"trc-{label}")
        written = PetRecord(
            label,
            nuclide,
            facts.half_life_s,
            facts.dose_bq,
            facts.weight_kg,
            facts.uptake_s,
            facts.uptake_s,
            "10:00:00",
            "x",
        )
        mask = masks.get(channel, unchanged)(made.instances[channel])
        write_volume(derivative_path(root, path, "lesions", "dseg"), mask)
        bqml = volume.with_array(volume.array / facts.suv_factor, Quantity.BQML)
        write_pet(path, bqml, replace(written, **record))


def scaled(factor: float) -> Edit:
    return lambda volume: volume.with_array(volume.array * factor)


def moved(x_mm: float = 0.0, y_mm: float = 0.0, z_mm: float = 0.0) -> Edit:
    def edit(volume: Volume) -> Volume:
        affine = volume.geometry.affine_ras.copy()
        affine[:3, 3] += (x_mm, y_mm, z_mm)
        return replace(volume, geometry=Geometry(affine, volume.geometry.shape))

    return edit


def mirrored(volume: Volume) -> Volume:
    """The voxels turned left to right, the affine as it was."""
    axis = int(np.argmax(np.abs(volume.geometry.affine_ras[0, :3])))
    return volume.with_array(np.flip(volume.array, axis))


def cut(axis: int, start: int, stop: int | None) -> Edit:
    """A part of the array along an axis, at its place in the world."""

    def edit(volume: Volume) -> Volume:
        array = volume.array[(slice(None),) * axis + (slice(start, stop),)]
        affine = volume.geometry.affine_ras.copy()
        affine[:3, 3] += affine[:3, axis] * start
        return Volume(array, Geometry(affine, array.shape), volume.quantity)

    return edit


def without_slices(first: int, number: int) -> Edit:
    """Slices left out and the rest pushed together, as a lost slab leaves them."""

    def edit(volume: Volume) -> Volume:
        array = np.delete(volume.array, range(first, first + number), axis=2)
        return Volume(array, Geometry(volume.geometry.affine_ras, array.shape), volume.quantity)

    return edit


def with_slice(at: int, source: int | float) -> Edit:
    """One slice replaced by another (int), or by one value (float)."""

    def edit(volume: Volume) -> Volume:
        array = volume.array.copy()
        array[:, :, at] = array[:, :, source] if isinstance(source, int) else source
        return volume.with_array(array)

    return edit
