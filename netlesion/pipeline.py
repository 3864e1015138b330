"""One visit in, results out: the story of inference, every step in order.

visit -> harmonise -> network input -> plan -> sliding windows -> logits on each native PET grid
      -> softmax -> lesion probability -> lesions -> measurements
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netlesion.geometry import Geometry
from netlesion.harmonise import harmonise, resample
from netlesion.inference.plan import plan_windows
from netlesion.inference.resample import at_positions, to_grid
from netlesion.inference.sliding import sliding
from netlesion.lesions import CONNECTIVITY, extract
from netlesion.models.card import ModelCard
from netlesion.normalise import network_input
from netlesion.provenance import Stopwatch
from netlesion.quantify.table import LesionRow, measure
from netlesion.study import Visit
from netlesion.transform import RigidTransform, Transform, grid_points, inverse_over
from netlesion.volume import Quantity, Volume


@dataclass(frozen=True)
class InferenceSettings:
    """How a network is run and its probabilities become lesions; connectivity is 6, 18 or 26."""

    overlap: float = 0.5
    batch_size: int = 1
    threshold: float = 0.5
    connectivity: int = CONNECTIVITY
    device: str = "cpu"
    engine: str = "torch"
    precision: str = "fp32"


@dataclass(frozen=True, eq=False)
class TracerResult:
    """What was found on one PET, all on its native grid: SUV, lesion probability, label map, measurements."""

    channel: str
    suv: Volume
    probability: Volume
    lesions: Volume
    rows: tuple[LesionRow, ...]


def predict_visit(
    visit: Visit,
    card: ModelCard,
    predict: Callable[[Tensor], Tensor],
    settings: InferenceSettings,
    stopwatch: Stopwatch,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, TracerResult]:
    """Tracer channel -> result, for every tracer that the model knows and the visit has."""
    with stopwatch.stage("harmonise"):
        grid = harmonise(visit, card.channels, card.spacing_mm)
        image = torch.from_numpy(network_input(grid, card.required_channels)).to(settings.device)
    with stopwatch.stage("network"):
        plan = plan_windows(grid.geometry.shape, card.window, settings.overlap)
        logits = sliding(
            image, plan, predict, settings.batch_size, progress=lambda windows: progress(windows, plan.num_windows)
        )
    results = {}
    for tracer in card.scheme.tracers:
        if tracer not in visit.scans:
            continue
        suv, moved = visit.scans[tracer].volume, visit.scans[tracer].transform
        with stopwatch.stage("native_grid"):
            back = None if moved is None else inverse_over(moved, suv.geometry)
            native = _on_native(logits[card.scheme.span(tracer)], grid.geometry, suv.geometry, back)
            probability = lesion_probability(native, card.scheme.lesion_indices(tracer))
            seen = _seen(grid.geometry, suv.geometry, back)
            probability_volume = Volume(probability.cpu().numpy() * seen, suv.geometry, Quantity.PROBABILITY)
        with stopwatch.stage("lesions"):
            lesions = extract(probability_volume, settings.threshold, settings.connectivity)
        with stopwatch.stage("measure"):
            rows = measure(suv, lesions, probability_volume)
        results[tracer] = TracerResult(tracer, suv, probability_volume, lesions, rows)
    return results


def _on_native(logits_CIJK: Tensor, working: Geometry, native: Geometry, back: Transform | None) -> Tensor:
    """Logits at every voxel of a native PET grid; back: from that PET's frame to the working grid's, or None."""
    if back is None or isinstance(back, RigidTransform):
        affine = native.affine_ras if back is None else back.matrix @ native.affine_ras
        return to_grid(logits_CIJK, np.linalg.inv(working.affine_ras) @ affine, native.shape)
    positions = working.to_index(back.apply(grid_points(native)))
    return at_positions(logits_CIJK, positions.reshape(*native.shape, 3))


def _seen(working: Geometry, native: Geometry, back: Transform | None) -> np.ndarray:
    """1 where a native voxel lies on the working grid (to a voxel at its edge), 0 where the network saw nothing.

    The working grid covers the first PET; a second tracer may reach beyond it, and no lesion is invented there.
    """
    margin = np.ones([n + 2 for n in working.shape], dtype=np.uint8)
    affine = working.affine_ras.copy()
    affine[:3, 3] = working.to_world(np.array([[-1.0, -1.0, -1.0]]))[0]
    return resample(Volume(margin, Geometry(affine, margin.shape), Quantity.LABEL), native, back).array


def lesion_probability(logits_KIJK: Tensor, lesion_indices: tuple[int, ...]) -> Tensor:
    """Softmax over one tracer's classes, lesion classes summed: (I, J, K) in 0..1."""
    return logits_KIJK.float().softmax(dim=0)[list(lesion_indices)].sum(dim=0).clamp(0.0, 1.0)
