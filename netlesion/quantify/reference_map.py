"""Reference organs where there is an organ map (clinical.md 2.5).

Takes a PET in SUVbw, its lesions and an organ map in the PET's frame; returns the uptake of liver, spleen, blood pool,
marrow and muscle, or why one cannot be had. Lesions and 10 mm around them are left out of every organ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from netlesion.image.volume import Volume
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.reference_region import (
    Cells,
    away_from,
    deepest_mm,
    depth_mm,
    reference_of,
    voxels_of_cells,
    voxels_of_sphere,
)
from netlesion.quantify.references import ORGAN_MAP, ReferenceOrgan, ReferenceOrgans

LESION_MARGIN_MM = 10.0
#: Liver: eroded by 10 mm, a sphere of 3 cm, all that is left below 14 ml, none below 5 ml.
LIVER_EROSION_MM, LIVER_RADIUS_MM, LIVER_WHOLE_ML, LIVER_LEAST_ML = 10.0, 15.0, 14.0, 5.0
#: Spleen: a sphere of 2 cm, whatever of it lies 3 mm inside the organ; none below 1 ml [P].
SPLEEN_RADIUS_MM, SPLEEN_EROSION_MM, SPLEEN_LEAST_ML = 10.0, 3.0, 1.0
#: Blood pool: a cylinder of 1 cm along the middle of the descending aorta from T6 to T12, 5 mm or more from its edge
#: (T8 to T10 alone are 5 ml, in which the noise of a DOTATATE PET exceeds 5 %); none below 1 ml [P].
AORTA_EROSION_MM, AORTA_RADIUS_MM, AORTA_LEAST_ML = 5.0, 5.0, 1.0
LEVELS = tuple(f"vertebrae_T{n}" for n in range(6, 13))
#: Where T6 to T12 lie below the top of the arch, for maps without vertebrae [P].
BELOW_ARCH_MM = (70.0, 200.0)
MARROW_EROSION_MM, MUSCLE_EROSION_MM, LEAST_ML = 5.0, 10.0, 1.0


def references_by_map(suv: Volume, lesions: Volume, organs: OrganMap) -> ReferenceOrgans:
    """The reference organs of one PET; `lesions` on the PET's grid, the map on any."""
    case = _Case(suv, lesions.array, organs)
    found: dict[str, ReferenceOrgan] = {}
    missing: dict[str, str] = {}
    for name, look in (
        ("liver", case.liver),
        ("spleen", case.spleen),
        ("blood_pool", case.blood_pool),
        ("marrow", lambda: case.whole(("vertebrae_L1", "vertebrae_L2", "vertebrae_L3"), MARROW_EROSION_MM)),
        ("muscle", lambda: case.whole(("gluteus_maximus",), MUSCLE_EROSION_MM)),
    ):
        result = look()
        if isinstance(result, str):
            missing[name] = result
        else:
            found[name] = result
    return ReferenceOrgans(found, missing)


@dataclass(frozen=True, eq=False)
class _Case:
    suv: Volume
    lesions: np.ndarray
    organs: OrganMap

    def liver(self) -> ReferenceOrgan | str:
        part = self._part(("liver",), LIVER_EROSION_MM)
        if part is None:
            return "the organ map has no liver in the PET's field of view"
        cells, left, _ = part
        remaining_ml = float(left.sum() * cells.cell_ml)
        if remaining_ml < LIVER_LEAST_ML:
            return f"{remaining_ml:.1f} ml of liver are left 10 mm away from its edge and from lesions, 5 ml are needed"
        if remaining_ml < LIVER_WHOLE_ML:
            flag = f"{remaining_ml:.1f} ml of liver are left, less than a sphere of 3 cm; all of it is used"
            return reference_of(self.suv, voxels_of_cells(cells, left), ORGAN_MAP, (flag,))
        right = left & self._right_of_middle(cells, left)
        centre, _ = deepest_mm(cells, right if right.any() else left)
        voxels = voxels_of_sphere(cells, left, centre, LIVER_RADIUS_MM)
        whole_ml = 4 / 3 * np.pi * (LIVER_RADIUS_MM / 10) ** 3
        share = len(voxels) * self.suv.geometry.voxel_volume_ml / whole_ml
        if len(voxels) * self.suv.geometry.voxel_volume_ml < LIVER_LEAST_ML:
            flag = "no sphere of 3 cm keeps 5 ml of liver away from lesions; all that is left of it is used"
            return reference_of(self.suv, voxels_of_cells(cells, left), ORGAN_MAP, (flag,))
        flags = () if share > 0.8 else (f"lesions or the liver's edge take {1 - share:.0%} of the sphere",)
        return reference_of(self.suv, voxels, ORGAN_MAP, flags)

    def spleen(self) -> ReferenceOrgan | str:
        part = self._part(("spleen",), SPLEEN_EROSION_MM)
        if part is None:
            return "the organ map has no spleen in the PET's field of view"
        cells, left, _ = part
        if not left.any():
            return "nothing is left of the spleen 3 mm away from its edge and 10 mm from lesions"
        centre, inner = deepest_mm(cells, left)
        deep = inner + SPLEEN_EROSION_MM
        voxels = voxels_of_sphere(cells, left, centre, SPLEEN_RADIUS_MM)
        volume_ml = len(voxels) * self.suv.geometry.voxel_volume_ml
        if volume_ml < SPLEEN_LEAST_ML:
            return (
                f"{volume_ml:.1f} ml of spleen are left 3 mm away from its edge and 10 mm from lesions, 1 ml is needed"
            )
        flags = (f"the spleen is {deep:.0f} mm deep, less than its sphere of 2 cm",) if deep < SPLEEN_RADIUS_MM else ()
        return reference_of(self.suv, voxels, ORGAN_MAP, flags)

    def blood_pool(self) -> ReferenceOrgan | str:
        part = self._part(("aorta",), AORTA_EROSION_MM)
        if part is None:
            return "the organ map has no aorta in the PET's field of view"
        cells, left, mask = part
        level, flag = self._thoracic_level_mm(cells, mask)
        z = cells.points_mm()[:, 2].reshape(cells.shape)
        chosen = left & (z >= level[0]) & (z <= level[1])
        voxels = _along_middle(cells, mask, chosen)
        volume_ml = len(voxels) * self.suv.geometry.voxel_volume_ml
        if volume_ml < AORTA_LEAST_ML:
            return (
                f"{volume_ml:.1f} ml of the thoracic aorta are left 5 mm away from its edge and 10 mm from lesions, "
                "1 ml is needed"
            )
        return reference_of(self.suv, voxels, ORGAN_MAP, flag)

    def whole(self, starts: tuple[str, ...], erosion_mm: float) -> ReferenceOrgan | str:
        """All of an organ that lies deep enough."""
        part = self._part(starts, erosion_mm)
        if part is None:
            return f"the organ map has no {' or '.join(starts)} in the PET's field of view"
        cells, left, _ = part
        if left.sum() * cells.cell_ml < LEAST_ML:
            return f"less than 1 ml of it is left {erosion_mm:g} mm away from its edge and 10 mm from lesions"
        return reference_of(self.suv, voxels_of_cells(cells, left), ORGAN_MAP)

    def _part(self, starts: tuple[str, ...], erosion_mm: float) -> tuple[Cells, np.ndarray, np.ndarray] | None:
        """Cells around an organ, which of them lie deep in it and away from lesions, and which in it at all."""
        corners = self.organs.corners_mm(starts)
        if corners is None:
            return None
        cells = Cells.between(self.suv.geometry, corners[0], corners[1])
        labels = self.organs.labels_near(cells.points_mm(), 0.0)[:, 0].reshape(cells.shape)
        mask = np.isin(labels, self.organs.labels_of(starts))
        if not mask.any():
            return None
        deep = depth_mm(cells, mask) > erosion_mm
        return cells, deep & away_from(cells, cells.any_of(self.lesions != 0), LESION_MARGIN_MM), mask

    def _right_of_middle(self, cells: Cells, left: np.ndarray) -> np.ndarray:
        """The right lobe: cells to the right of the middle of the liver's box."""
        corners = self.organs.corners_mm(("liver",))
        assert corners is not None
        return (cells.points_mm()[:, 0] >= corners[:, 0].mean()).reshape(left.shape)

    def _thoracic_level_mm(self, cells: Cells, aorta: np.ndarray) -> tuple[tuple[float, float], tuple[str, ...]]:
        """z of T6 to T12, by the map's vertebrae, else by their distance from the top of the arch."""
        corners = self.organs.corners_mm(LEVELS)
        if corners is not None:
            return (float(corners[0, 2]), float(corners[1, 2])), ()
        top = float(cells.points_mm()[aorta.ravel(), 2].max())
        low, high = top - BELOW_ARCH_MM[1], top - BELOW_ARCH_MM[0]
        return (low, high), ("the map has no vertebrae T6 to T12; their level is taken from the arch of the aorta",)


def _along_middle(cells: Cells, vessel: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(N, 3) voxels within 5 mm of the middle of an upright vessel, slice by slice, whose cell is a chosen one.

    Of two cuts through it (ascending and descending aorta) the hindmost counts.
    """
    geometry = cells.geometry
    upright = geometry.nearest_ras()[0][2]
    half_mm = float(cells.spacing_mm[upright]) / 2
    found = []
    for k in np.unique(np.nonzero(chosen)[upright]).tolist():
        plane = np.zeros(vessel.shape, dtype=bool)
        part: list[slice | int] = [slice(None)] * 3
        part[upright] = k
        plane[tuple(part)] = vessel[tuple(part)]
        cuts, count = ndimage.label(plane)
        middles = [cells.to_world(np.argwhere(cuts == n).mean(axis=0)[None])[0] for n in range(1, count + 1)]
        middle_mm = min(middles, key=lambda point: point[1])
        voxels = voxels_of_sphere(cells, chosen, middle_mm, float(np.hypot(AORTA_RADIUS_MM, half_mm)))
        away = geometry.to_world(voxels) - middle_mm
        inside = (np.abs(away[:, 2]) <= half_mm) & (np.hypot(away[:, 0], away[:, 1]) <= AORTA_RADIUS_MM)
        found.append(voxels[inside])
    return np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 3), dtype=int)
