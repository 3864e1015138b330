"""A PET as maximum intensity projections around the long axis, with the outline of every lesion in each of them.

36 views, 10 degrees apart, in inverse grey from SUV 0 to a stated SUV. A view from behind is the mirror image of that
from the front, so 18 are computed and stored, and the page mirrors them. A lesion too faint for the window is seen by
its outline. Images that lie obliquely are taken along their nearest axes, as in `mip`. Knows nothing about pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from netlesion.image.separable import apply_along_axes
from netlesion.report.silhouette import Turntable, silhouette_paths, surface_points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netlesion.image.volume import Volume

NUM_VIEWS = 36
#: Angles of the views that are stored.
ANGLES_DEG = tuple(360.0 / NUM_VIEWS * n for n in range(NUM_VIEWS // 2))
#: Channel -> the SUV shown as black [P]; DOTATATE lesions are hotter than those of FDG.
SUV_BLACK: Mapping[str, float] = MappingProxyType({"sstr": 15.0, "fdg": 7.0, "psma": 15.0})
PIXEL_MM = 3.0
#: A column of voxels belongs to the body where this SUV is reached in a tenth of the slices.
BODY_SUV = 0.15
#: A lossy picture of this quality differs from the exact one by a few grey levels.
WEBP_QUALITY = 72


@dataclass(frozen=True)
class RotatingMip:
    """views (18, rows, columns) uint8, 255 is SUV 0 and 0 is `suv_black` and more; outlines: lesion -> 18 SVG paths
    in half pixels (`silhouette`).
    """

    views: np.ndarray
    table: Turntable
    suv_black: float
    outlines: Mapping[int, tuple[str, ...]]

    def webp(self) -> bytes:
        """All views side by side as one WebP."""
        return webp_of(np.concatenate(list(self.views), axis=1))


def rotating_mip(suv: Volume, lesions: Volume, suv_black: float) -> RotatingMip:
    """Projects a PET and the label map of its lesions.

    Args:
        suv: PET in SUVbw.
        lesions: Label map of the same grid.
        suv_black: The SUV shown as black.

    Raises:
        GeometryError: unless both share one grid.
    """
    suv.geometry.require_same_grid(lesions.geometry, "the PET", "the lesion map")
    axes, flips = suv.geometry.nearest_ras()
    spacing = np.array(suv.geometry.spacing_mm)[axes]
    order = tuple(slice(None, None, int(f)) for f in flips)
    # x runs to the right, y to anterior, z up; voxel (0, 0, 0) lies at the origin of mm used below
    body, labels = (v.array.transpose(axes)[order] for v in (suv, lesions))
    level = _levels(body, spacing, suv_black)
    table, columns = _frame(body, labels > 0, spacing)
    views = np.stack([_view(level, table, columns, angle) for angle in ANGLES_DEG])
    points = surface_points(labels, np.diag([*spacing, 1.0]), PIXEL_MM)
    paths = {label: tuple(silhouette_paths(p, table, ANGLES_DEG)) for label, p in points}
    return RotatingMip(views, table, suv_black, paths)


def webp_of(picture: np.ndarray, quality: int = WEBP_QUALITY) -> bytes:
    """A picture (rows, columns) or (rows, columns, 3) uint8 as WebP."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="WEBP", quality=quality, method=3)
    return buffer.getvalue()


def _levels(body: np.ndarray, spacing: np.ndarray, suv_black: float) -> np.ndarray:
    """SUV as 0 (none) to 255 (suv_black) on voxels of PIXEL_MM, interpolated linearly."""
    operators = [_linear(n, s) for n, s in zip(body.shape, spacing, strict=True)]
    fine = apply_along_axes(operators, np.asarray(body, dtype=np.float32))
    return np.clip(fine * (255.0 / suv_black) + 0.5, 0, 255).astype(np.uint8)


def _linear(length: int, spacing: float) -> np.ndarray:
    """(fine, length): linear interpolation at the middles of pixels over the same extent."""
    number = max(1, round(length * spacing / PIXEL_MM))
    at = np.clip(((np.arange(number) + 0.5) * PIXEL_MM / spacing) - 0.5, 0, length - 1)
    low = np.minimum(at.astype(int), max(length - 2, 0))
    weights = np.zeros((number, length), dtype=np.float32)
    weights[np.arange(number), low] = 1.0 - (at - low)
    weights[np.arange(number), np.minimum(low + 1, length - 1)] += at - low
    return weights


def _frame(body: np.ndarray, lesion: np.ndarray, spacing: np.ndarray) -> tuple[Turntable, np.ndarray]:
    """The smallest frame that shows the whole body in every view, and where the body's columns lie, in mm (N, 2)."""
    seen = (body > BODY_SUV).sum(axis=2) >= max(1, body.shape[2] // 10)
    seen |= lesion.any(axis=2)
    if not seen.any():
        seen[:] = True
    xy = np.argwhere(seen) * spacing[:2]
    middle = (xy.min(axis=0) + xy.max(axis=0)) / 2.0
    edge = (PIXEL_MM - spacing[:2]) / 2.0  # the first voxel of `_levels`; the axis stands on one of them
    centre = edge + np.rint((middle - edge) / PIXEL_MM) * PIXEL_MM
    half = float(np.linalg.norm(xy - centre, axis=1).max()) + float(spacing[:2].max()) / 2.0
    width = 2 * int(np.ceil(half / PIXEL_MM)) + 1
    height = max(1, round(body.shape[2] * float(spacing[2]) / PIXEL_MM))
    top = (body.shape[2] - 0.5) * float(spacing[2])
    table = Turntable((float(centre[0]), float(centre[1])), width * PIXEL_MM / 2.0, top, (height, width), PIXEL_MM)
    return table, spacing[:2]


def _view(level: np.ndarray, table: Turntable, spacing: np.ndarray, angle_deg: float) -> np.ndarray:
    """The maximum along every ray, sampled at steps of one pixel at the nearest voxel of `level`."""
    height, width = table.shape
    across = (np.arange(width) + 0.5) * PIXEL_MM - table.half_width_mm
    turn = np.deg2rad(angle_deg)
    right, away = np.array([-np.cos(turn), -np.sin(turn)]), np.array([np.sin(turn), -np.cos(turn)])
    xy = across[:, None, None] * right + across[None, :, None] * away + table.centre_xy_mm
    index = np.rint((xy + spacing / 2.0) / PIXEL_MM - 0.5).astype(int)
    inside = ((index >= 0) & (index < level.shape[:2])).all(axis=-1)
    flat = np.where(inside, index[..., 0] * level.shape[1] + index[..., 1], level.shape[0] * level.shape[1])
    lines = level.reshape(-1, level.shape[2])
    shown = np.zeros((width, level.shape[2]), dtype=np.uint8)
    for column in range(width):
        rays = flat[column][flat[column] < len(lines)]
        if len(rays):
            shown[column] = lines[rays].max(axis=0)
    return 255 - shown.T[::-1][:height]
