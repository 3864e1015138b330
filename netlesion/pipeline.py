"""One visit in, results out: the story of inference, in three steps that a cohort can overlap.

prepare   visit -> harmonise -> network input -> the body's box -> plan
forward   plan -> tiles through the network -> log-odds of lesion on the working grid, one map for each tracer
finish    log-odds on each native PET grid -> lesion probability -> lesions -> measurements
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netlesion.body import body_box
from netlesion.errors import ConfigError, InferenceError
from netlesion.geometry import Geometry
from netlesion.harmonise import Harmonised, harmonise, resample
from netlesion.inference.odds import lesion_odds
from netlesion.inference.plan import Box, Cost, Plan, plan_stream, plan_windows
from netlesion.inference.resample import at_positions, to_grid
from netlesion.inference.sliding import sliding
from netlesion.lesions import CONNECTIVITY, extract
from netlesion.models.card import ModelCard
from netlesion.models.footprint import activation_bytes_per_voxel, factor, flop_per_voxel, halo, tile_independent
from netlesion.normalise import network_input, num_inputs
from netlesion.provenance import Stopwatch
from netlesion.quantify.table import LesionRow, measure
from netlesion.study import Visit
from netlesion.transform import RigidTransform, Transform, grid_points, inverse_over
from netlesion.volume import Quantity, Volume

MODES = ("auto", "exact", "stream", "crop")


@dataclass(frozen=True)
class InferenceSettings:
    """How a network is run and its probabilities become lesions.

    mode: exact, stream or crop (inference.plan); memory_gb: what the activations of a tile may take; connectivity:
    6, 18 or 26. flips: axes (0 left-right, 1 front-back, 2 head-foot) over whose mirror images logits are averaged.

    Raises ConfigError, with the setting's name, for a value that cannot be meant.
    """

    mode: str = "exact"
    overlap: float = 0.5
    batch_size: int = 1
    threshold: float = 0.5
    connectivity: int = CONNECTIVITY
    device: str = "cpu"
    engine: str = "torch"
    precision: str = "fp32"
    memory_gb: float | None = None
    flips: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, good, expected in (
            ("threshold", 0.0 < self.threshold <= 1.0, "above 0 and at most 1"),
            ("connectivity", self.connectivity in (6, 18, 26), "6, 18 or 26"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("memory_gb", self.memory_gb is None or self.memory_gb > 0, "above 0, or null for half of what is free"),
            ("flips", sorted(set(self.flips) & {0, 1, 2}) == sorted(self.flips), "some of 0, 1, 2, each once"),
        ):
            if not good:
                raise ConfigError(f"inference.{name} is {getattr(self, name)}, expected {expected}")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A visit ready for the network: its channels on the working grid, the network's input, the plan."""

    visit: Visit
    grid: Harmonised
    image: Tensor
    plan: Plan


@dataclass(frozen=True, eq=False)
class TracerResult:
    """What was found on one PET, all on its native grid: SUV, lesion probability, label map, measurements."""

    channel: str
    suv: Volume
    probability: Volume
    lesions: Volume
    rows: tuple[LesionRow, ...]


def mode_of(asked: str, card: ModelCard) -> str:
    """The mode that `asked` means for a model; auto is stream where the network allows it, exact elsewhere.

    Raises ConfigError for an unknown mode, and for stream with a network whose norm depends on the tile.
    """
    if asked not in MODES:
        raise ConfigError(f"inference.mode is {asked!r}, expected {', '.join(MODES)}")
    independent = tile_independent(card.network)
    if asked == "stream" and not independent:
        raise ConfigError(
            f"inference.mode=stream, but the model has {card.network.get('norm', 'instance')} norm, whose output "
            "depends on how the body is cut; use exact, or crop (faster, but other windows see other statistics)"
        )
    return asked if asked != "auto" else "stream" if independent else "exact"


def plan_of(
    card: ModelCard, settings: InferenceSettings, shape: tuple[int, int, int], box: tuple | None = None
) -> Plan:
    """The plan of one volume; box: the body's (low, high), used by stream and crop, None for the whole volume."""
    widths, cost = card.network.get("widths"), None
    if widths is not None:
        inputs = num_inputs(card.channels, card.required_channels)
        cost = Cost(flop_per_voxel(inputs, card.scheme.num_outputs, widths), activation_bytes_per_voxel(widths))
    body = None if box is None else Box(*box)
    if settings.mode == "stream":
        memory = None if settings.memory_gb is None else settings.memory_gb * 1e9
        return plan_stream(shape, factor(widths), halo(widths), body, cost, memory)
    if settings.mode == "crop":
        return plan_windows(shape, card.window, settings.overlap, body or Box((0, 0, 0), shape), cost)
    return plan_windows(shape, card.window, settings.overlap, cost=cost)


def prepare(visit: Visit, card: ModelCard, settings: InferenceSettings, stopwatch: Stopwatch) -> Prepared:
    """Raises CohortError when the visit has no PET that the model knows."""
    with stopwatch.stage("harmonise"):
        grid = harmonise(visit, card.channels, card.spacing_mm)
        image = torch.from_numpy(network_input(grid, card.required_channels))
        box = None if settings.mode == "exact" else body_box(grid)
        return Prepared(visit, grid, image, plan_of(card, settings, grid.geometry.shape, box))


def forward(
    prepared: Prepared,
    card: ModelCard,
    predict: Callable[[Tensor], Tensor],
    settings: InferenceSettings,
    stopwatch: Stopwatch,
    note: Callable[[str], None] = lambda line: None,
) -> Tensor:
    """Log-odds of lesion (T, I, J, K) float32 on the working grid, one for each tracer of the model, in its order.

    A device that runs out of memory gets smaller batches, then shallower tiles, each said through `note`; when nothing
    is left to make smaller, InferenceError. A result that is not finite is an InferenceError as well.
    """
    collapse = lesion_odds([(card.scheme.span(t), card.scheme.lesion_indices(t)) for t in card.scheme.tracers])
    plan, batch_size = prepared.plan, settings.batch_size
    with stopwatch.stage("network"):
        while True:
            try:
                image = prepared.image.to(settings.device, non_blocking=True)
                return sliding(image, plan, mirrored(predict, settings.flips), batch_size, collapse=collapse).cpu()
            except torch.OutOfMemoryError as error:
                plan, batch_size = _smaller(plan, batch_size, card, error)
                note(
                    f"{prepared.visit.visit_id}: out of memory; going on with batches of {batch_size}, {plan.explain()}"
                )
            except ValueError as error:
                raise InferenceError(f"{prepared.visit.visit_id}: {error}") from error


def finish(
    prepared: Prepared, odds_TIJK: Tensor, card: ModelCard, settings: InferenceSettings, stopwatch: Stopwatch
) -> dict[str, TracerResult]:
    """Tracer channel -> result, for every tracer that the model knows and the visit has."""
    visit, working, results = prepared.visit, prepared.grid.geometry, {}
    for t, tracer in enumerate(card.scheme.tracers):
        if tracer not in visit.scans:
            continue
        suv, moved = visit.scans[tracer].volume, visit.scans[tracer].transform
        with stopwatch.stage("native_grid"):
            back = None if moved is None else inverse_over(moved, suv.geometry)
            probability = _on_native(odds_TIJK[t : t + 1], working, suv.geometry, back)[0].sigmoid_().numpy()
            unseen = _unseen(working, suv.geometry, back)
            if unseen is not None:
                probability[unseen] = 0.0
            probability_volume = Volume(probability, suv.geometry, Quantity.PROBABILITY)
        with stopwatch.stage("lesions"):
            lesions = extract(probability_volume, settings.threshold, settings.connectivity)
        with stopwatch.stage("measure"):
            rows = measure(suv, lesions, probability_volume)
        results[tracer] = TracerResult(tracer, suv, probability_volume, lesions, rows)
    return results


def predict_visit(
    visit: Visit,
    card: ModelCard,
    predict: Callable[[Tensor], Tensor],
    settings: InferenceSettings,
    stopwatch: Stopwatch,
) -> dict[str, TracerResult]:
    """The three steps in a row."""
    prepared = prepare(visit, card, settings, stopwatch)
    return finish(prepared, forward(prepared, card, predict, settings, stopwatch), card, settings, stopwatch)


def mirrored(predict: Callable[[Tensor], Tensor], axes: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """The mean of the logits over all 2 ** len(axes) mirror images of a tile, each mirrored back; no axis: as it is."""
    if not axes:
        return predict
    images = [[]]
    for axis in axes:
        images += [[*image, 2 + axis] for image in images]

    def mean(windows: Tensor) -> Tensor:
        total = predict(windows).float()
        for flipped in images[1:]:
            total = total + predict(windows.flip(flipped)).float().flip(flipped)
        return total / len(images)

    return mean


def _smaller(plan: Plan, batch_size: int, card: ModelCard, error: Exception) -> tuple[Plan, int]:
    if batch_size > 1 and plan.num_tiles > 1:
        return plan, batch_size // 2
    if plan.mode == "stream":
        widths = card.network["widths"]
        need = plan.cost.activation_bytes * max(t.read.num_voxels for t in plan.tiles)
        less = plan_stream(plan.shape, factor(widths), halo(widths), plan.box, plan.cost, need / 2)
        if max(t.read.num_voxels for t in less.tiles) < max(t.read.num_voxels for t in plan.tiles):
            return less, 1
    raise InferenceError(
        f"the device has too little memory for one tile of {plan.tiles[0].read.shape} voxels; "
        "close what else uses it, choose a coarser spacing, or run with device=cpu"
    ) from error


def _on_native(odds_TIJK: Tensor, working: Geometry, native: Geometry, back: Transform | None) -> Tensor:
    """Log-odds at every voxel of a native PET grid; back: from that PET's frame to the working grid's, or None."""
    if back is None or isinstance(back, RigidTransform):
        affine = native.affine_ras if back is None else back.matrix @ native.affine_ras
        return to_grid(odds_TIJK, np.linalg.inv(working.affine_ras) @ affine, native.shape)
    positions = working.to_index(back.apply(grid_points(native)))
    return at_positions(odds_TIJK, positions.reshape(*native.shape, 3))


def _unseen(working: Geometry, native: Geometry, back: Transform | None) -> np.ndarray | None:
    """True where a native voxel lies off the working grid (a voxel's width allowed): the network saw nothing there.

    The working grid covers the first PET; a second tracer may reach beyond it, and no lesion is invented there. None
    where every voxel lies on it, which for a PET of the grid's own frame its eight corners tell.
    """
    if back is None:
        corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(native.shape) - 1)
        index = working.to_index(native.to_world(corners))
        if (index >= -1.0).all() and (index <= np.array(working.shape)).all():
            return None
    margin = np.ones([n + 2 for n in working.shape], dtype=np.uint8)
    affine = working.affine_ras.copy()
    affine[:3, 3] = working.to_world(np.array([[-1.0, -1.0, -1.0]]))[0]
    return resample(Volume(margin, Geometry(affine, margin.shape), Quantity.LABEL), native, back).array == 0
