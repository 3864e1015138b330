"""Reference organs where there is no organ map: estimates from the PET, and from its CT for the blood pool.

The liver is the largest even region of raised uptake in the right half of the body; the spleen, on an SSTR PET, the
uppermost large hot region of the left half at the liver's level; the blood pool the descending aorta beside the spine
on the CT (`aorta`). All numbers are project choices [P], made on digital patients. Every estimate that looks unlike its
organ is flagged, and what cannot be told from its surroundings is missing with the reason. Marrow and muscle, which are
for quality control only, are not estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from netlesion.image.visit import Tracer
from netlesion.image.volume import Volume
from netlesion.preprocess.body_box import block_means
from netlesion.quantify.anatomy import AnatomicalImage
from netlesion.quantify.aorta import descending_aorta_mm
from netlesion.quantify.reference_region import (
    CELL_MM,
    Cells,
    away_from,
    deepest_mm,
    reference_of,
    voxels_of_sphere,
)
from netlesion.quantify.references import ESTIMATE, ReferenceOrgan, ReferenceOrgans

LESION_MARGIN_MM = 10.0
#: Body against air, SUVbw.
BODY_SUV = 0.1
#: How finely liver and spleen are looked for.
SEARCH_MM = 7.0
#: Liver: uptake over this edge varies less than this, and is raised over the body's median so much.
EVEN_MM, EVEN_COV, RAISED = 28.0, 0.22, 2.0
LIVER_RADIUS_MM, LIVER_LEAST_ML, LIVER_USUAL_ML = 15.0, 20.0, 120.0
#: CT numbers that a liver has, with and without contrast medium, fatty ones included.
LIVER_HU = (-20.0, 200.0)
#: Spleen: over the liver's uptake by this factor, the edge of its smoothing, and its least volume at half its height.
SPLEEN_OVER_LIVER, SPLEEN_EDGE_MM, SPLEEN_LEAST_ML, SPLEEN_RADIUS_MM = 1.3, 12.0, 40.0, 10.0
#: How far above and below the liver a spleen may reach; how far its middle may lie below the liver's (in 24 digital
#: patients it lies at most 16 mm below it, the middle of the left kidney at least 44 mm).
SPLEEN_REACH_MM, SPLEEN_BELOW_MM = 40.0, 30.0
#: Aorta: a cylinder of 1 cm over at least 3 cm; slices further from their median uptake are left out, and where fewer
#: than this share agree it is flagged.
AORTA_RADIUS_MM, AORTA_LEAST_MM, AORTA_SPREAD, AORTA_ALIKE = 5.0, 30.0, 0.2, 0.7


def references_by_estimate(
    suv: Volume, lesions: Volume, tracer: Tracer | None, ct: AnatomicalImage | None
) -> ReferenceOrgans:
    """The reference organs of one PET, without an organ map; `lesions` on the PET's grid, ct None for a PET/MR."""
    case = _Case(suv, lesions.array, tracer, ct)
    found: dict[str, ReferenceOrgan] = {}
    uncounted = "there is no organ map, and it is not estimated"
    missing: dict[str, str] = {"marrow": uncounted, "muscle": uncounted}
    for name, look in (("liver", case.liver), ("spleen", case.spleen), ("blood_pool", case.blood_pool)):
        result = look()
        if isinstance(result, str):
            missing[name] = f"there is no organ map, and {result}"
        else:
            found[name] = result
    return ReferenceOrgans(found, missing)


@dataclass(frozen=True, eq=False)
class _Case:
    suv: Volume
    lesions: np.ndarray
    tracer: Tracer | None
    ct: AnatomicalImage | None

    @cached_property
    def cells(self) -> Cells:
        """The whole PET, in cells of about 7 mm."""
        return Cells.of_whole(self.suv.geometry, SEARCH_MM)

    @cached_property
    def uptake(self) -> np.ndarray:
        """(i, j, k) mean SUV of each cell."""
        return block_means(self.suv.array, self.cells.step.tolist())

    @cached_property
    def free(self) -> np.ndarray:
        """(i, j, k) bool: cells of the body at least 10 mm from any lesion."""
        return away_from(self.cells, self.cells.any_of(self.lesions != 0), LESION_MARGIN_MM) & (self.uptake > BODY_SUV)

    @cached_property
    def x_mm(self) -> np.ndarray:
        """(i, j, k) distance of each cell from the middle of the body, to the right."""
        x = self.cells.points_mm()[:, 0].reshape(self.cells.shape)
        return x - float(np.median(x[self.uptake > BODY_SUV])) if (self.uptake > BODY_SUV).any() else x

    @cached_property
    def z_mm(self) -> np.ndarray:
        return self.cells.points_mm()[:, 2].reshape(self.cells.shape)

    @cached_property
    def liver_cells(self) -> np.ndarray | None:
        """(i, j, k) bool: the even inside of the liver; None where no region looks like one."""
        size = [max(3, 2 * int(EVEN_MM / s / 2) + 1) for s in self.cells.spacing_mm]
        uptake = self.uptake.astype(np.float64)
        mean = ndimage.uniform_filter(uptake, size)
        spread = np.sqrt(np.maximum(ndimage.uniform_filter(uptake**2, size) - mean**2, 0.0))
        body = self.uptake > BODY_SUV
        if not body.any():
            return None
        raised = mean > RAISED * float(np.median(self.uptake[body]))
        even = self.free & raised & (spread < EVEN_COV * mean) & (self.x_mm > 0)
        return _largest(even, LIVER_LEAST_ML / self.cells.cell_ml)

    def liver(self) -> ReferenceOrgan | str:
        if self.tracer not in (Tracer.SSTR, Tracer.FDG, Tracer.PSMA):
            return "no liver is looked for on a PET of unknown tracer"
        inner = self.liver_cells
        if inner is None:
            return "no even region of raised uptake in the right half of the body looks like a liver"
        centre, _ = deepest_mm(self.cells, inner)
        found = reference_of(self.suv, voxels_of_sphere(self.cells, self.free, centre, LIVER_RADIUS_MM), ESTIMATE)
        inner_ml, flags = float(inner.sum() * self.cells.cell_ml), []
        if inner_ml < LIVER_USUAL_ML:
            flags.append(f"the even part of what is taken for the liver is {inner_ml:.0f} ml, small for one")
        if self.ct is not None:
            hu = self.ct.mean_at(self.cells.to_world(np.argwhere(inner)))
            if hu is not None and not LIVER_HU[0] <= hu <= LIVER_HU[1]:
                flags.append(f"its CT number is {hu:.0f} HU, which no liver has")
        return _flagged(found, flags)

    def spleen(self) -> ReferenceOrgan | str:
        if self.tracer is not Tracer.SSTR:
            return "the spleen cannot be told from its surroundings on this tracer's PET"
        liver = self.liver_cells
        if liver is None:
            return "without a liver the spleen cannot be looked for"
        size = [max(3, 2 * int(SPLEEN_EDGE_MM / s / 2) + 1) for s in self.cells.spacing_mm]
        mean = ndimage.uniform_filter(np.where(self.free, self.uptake, 0.0).astype(np.float64), size)
        level = (self.z_mm > self.z_mm[liver].min() - SPLEEN_REACH_MM) & (
            self.z_mm < self.z_mm[liver].max() + SPLEEN_REACH_MM
        )
        hot = level & self.free & (self.x_mm < 0) & (mean > SPLEEN_OVER_LIVER * float(self.uptake[liver].mean()))
        best = self._uppermost(mean, hot)
        if best is None:
            return "no large region of the left half at the liver's level is hotter than the liver"
        below_mm = float(self.z_mm[liver].mean() - self.z_mm[best].mean())
        if below_mm > SPLEEN_BELOW_MM:
            return f"the hot region of the left half lies {below_mm:.0f} mm below the liver's middle, as a kidney does"
        centre, deep = deepest_mm(self.cells, best)
        found = reference_of(self.suv, voxels_of_sphere(self.cells, best, centre, SPLEEN_RADIUS_MM), ESTIMATE)
        flags = [] if deep >= SPLEEN_RADIUS_MM else [f"it is {deep:.0f} mm deep, less than its sphere of 2 cm"]
        return _flagged(found, flags)

    def _uppermost(self, mean: np.ndarray, hot: np.ndarray) -> np.ndarray | None:
        """(i, j, k) bool: of the hot peaks' surroundings of at least half their height the uppermost large one."""
        window = [max(3, 2 * int(30.0 / s / 2) + 1) for s in self.cells.spacing_mm]
        peaks = np.argwhere(hot & (mean == ndimage.maximum_filter(mean, window)))
        order = np.argsort([-self.z_mm[tuple(p)] for p in peaks], kind="stable")
        for peak in peaks[order]:
            around = ndimage.label(hot & (self.uptake >= 0.6 * mean[tuple(peak)]))[0]
            near = np.linalg.norm((np.argwhere(around > 0) - peak) * self.cells.spacing_mm, axis=1) < 60.0
            region = np.zeros(hot.shape, dtype=bool)
            region[tuple(np.argwhere(around > 0)[near].T)] = True
            if region.sum() * self.cells.cell_ml >= SPLEEN_LEAST_ML:
                return region
        return None

    def blood_pool(self) -> ReferenceOrgan | str:
        if self.ct is None:
            return "without a CT the aorta cannot be found"
        middles_mm = descending_aorta_mm(self.suv.geometry, self.ct)
        if middles_mm is None:
            return "the descending aorta was not found beside the spine on the CT"
        half_mm = CELL_MM / 2
        radius = float(np.hypot(AORTA_RADIUS_MM, half_mm))
        spheres = [voxels_of_sphere(self.cells, self.free, middle, radius) for middle in middles_mm]
        spheres = [voxels for voxels in spheres if len(voxels)]
        if not spheres:
            return "lesions lie all along the descending aorta"
        means = np.array([float(self.suv.array[tuple(voxels.T)].mean()) for voxels in spheres])
        alike = np.abs(means / np.median(means) - 1) <= AORTA_SPREAD
        height_mm, flags = float(alike.sum() * CELL_MM), []
        if height_mm < AORTA_LEAST_MM:
            flags.append(f"the aorta was followed over {height_mm:.0f} mm alone")
        if alike.mean() < AORTA_ALIKE:
            flags.append(f"only {alike.mean():.0%} of the slices of what is taken for the aorta have one uptake")
        every = np.concatenate([voxels for voxels, same in zip(spheres, alike, strict=True) if same])
        return _flagged(reference_of(self.suv, np.unique(every, axis=0), ESTIMATE), flags)


def _flagged(organ: ReferenceOrgan, flags: list[str]) -> ReferenceOrgan:
    return ReferenceOrgan(
        organ.mean, organ.sd, organ.peak, organ.volume_ml, organ.centre_mm, organ.source, tuple(flags)
    )


def _largest(mask: np.ndarray, least: float) -> np.ndarray | None:
    """(i, j, k) bool: the largest 6-connected piece of a mask; None where it has fewer cells than `least`."""
    pieces, count = ndimage.label(mask)
    if count == 0:
        return None
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == int(sizes.argmax()) if sizes.max() >= least else None
