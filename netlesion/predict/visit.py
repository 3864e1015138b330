"""One visit in, results out: the story of inference, in three steps that a cohort can overlap.

prepare   visit -> harmonise -> network input -> the body's box -> plan
forward   plan -> tiles through the network -> log-odds of lesion on the working grid, one map for each tracer
finish    log-odds on each native PET grid -> lesion probability -> lesions -> measurements
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from netlesion.errors import ConfigError, InferenceError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import RigidTransform, Transform, grid_points, inverse_over
from netlesion.image.visit import Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.inference.average import Predict, averaged, averaged_beside_first
from netlesion.inference.plan import Box, Cost, Plan, plan_stream, plan_windows, windows_at_once
from netlesion.inference.reduction import lesion_odds
from netlesion.inference.resample import at_positions, to_grid
from netlesion.inference.sliding import sliding
from netlesion.models.architecture import architecture_of, filters_of, norm_of, tile_independent
from netlesion.models.card import ModelCard
from netlesion.output.provenance import Stopwatch
from netlesion.predict.agreement import Audit
from netlesion.preprocess.body_box import body_box
from netlesion.preprocess.harmonise import harmonise, resample
from netlesion.preprocess.normalise import network_input, num_inputs
from netlesion.quantify.instances import CONNECTIVITY, extract
from netlesion.quantify.table import LesionRow, measure

MODES = ("auto", "exact", "stream", "crop")


@dataclass(frozen=True)
class InferenceSettings:
    """How a network is run and its probabilities become lesions.

    mode: exact, stream or crop (inference.plan); memory_gb: what the activations of a tile may take; connectivity:
    6, 18 or 26. tracer_thresholds: where a tracer's threshold is another than `threshold`. batch_size: windows in one
    forward; None: one on a CPU, on a GPU what `memory_gb` holds. flips: axes (0 left-right, 1 front-back, 2 head-foot)
    over whose mirror images logits are averaged.
    folds: networks whose logits are averaged. audit: mode crop computes exact as well, to be compared with it.
    by_level: the networks take a tile of mode stream that does not fit at once (`inference.engines.chunked`).

    Raises ConfigError, with the setting's name, for a value that cannot be meant.
    """

    mode: str = "exact"
    overlap: float = 0.5
    batch_size: int | None = 1
    threshold: float = 0.5
    tracer_thresholds: Mapping[str, float] = field(default_factory=dict)
    connectivity: int = CONNECTIVITY
    device: str = "cpu"
    engine: str = "torch"
    precision: str = "fp32"
    memory_gb: float | None = None
    flips: tuple[int, ...] = ()
    folds: int = 1
    audit: bool = False
    by_level: bool = False

    def __post_init__(self) -> None:
        for name, good, expected in (
            ("threshold", 0.0 < self.threshold <= 1.0, "above 0 and at most 1"),
            (
                "tracer_thresholds",
                all(0.0 < t <= 1.0 for t in self.tracer_thresholds.values()),
                "above 0 and at most 1 for each tracer",
            ),
            ("connectivity", self.connectivity in (6, 18, 26), "6, 18 or 26"),
            ("batch_size", self.batch_size is None or self.batch_size >= 1, "at least 1, or null for what fits"),
            ("memory_gb", self.memory_gb is None or self.memory_gb > 0, "above 0, or null for what is free"),
            ("flips", sorted(set(self.flips) & {0, 1, 2}) == sorted(self.flips), "some of 0, 1, 2, each once"),
            ("audit", not self.audit or self.mode == "crop", f"false in mode {self.mode}, which computes every voxel"),
        ):
            if not good:
                raise ConfigError(f"inference.{name} is {getattr(self, name)}, expected {expected}")

    def threshold_of(self, tracer: str) -> float:
        """The lesion probability from which a voxel belongs to a lesion of this tracer."""
        return self.tracer_thresholds.get(tracer, self.threshold)

    @property
    def compared(self) -> tuple[str, str] | None:
        """The two ways that every PET is computed and compared in, the one that counts first; None where it is one."""
        if self.audit:
            return "crop", "exact"
        if self.folds > 1 or self.flips:
            folds = f"{self.folds} networks" if self.folds > 1 else "one network"
            return f"{folds}, {2 ** len(self.flips)} images" if self.flips else folds, "one network, one image"
        return None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A visit ready for the network: the network's input on the working grid, the plan, and which channels are there.

    Of the images of the visit only its PETs are kept: the others have done their work.
    """

    visit: Visit
    present: tuple[bool, ...]
    working: Geometry
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
    audit: Audit | None = None


def mode_of(asked: str, card: ModelCard) -> str:
    """The mode that `asked` means for a model; auto is stream where the network allows it, exact elsewhere.

    Raises ConfigError for an unknown mode, and for stream with a network whose norm depends on the tile.
    """
    if asked not in MODES:
        raise ConfigError(f"inference.mode is {asked!r}, expected {', '.join(MODES)}")
    independent = tile_independent(card.network)
    if asked == "stream" and not independent:
        raise ConfigError(
            f"inference.mode=stream, but the model has {norm_of(card.network)} norm, whose output "
            "depends on how the body is cut; use exact, or crop (faster, but other windows see other statistics)"
        )
    return asked if asked != "auto" else "stream" if independent else "exact"


def cost_of(card: ModelCard, engine: str, by_level: bool) -> Cost | None:
    """What the card's network costs in an engine; None for a network that is no U-Net of ours."""
    kind, filters, norm = architecture_of(card.network), filters_of(card.network), norm_of(card.network)
    if not filters:
        return None
    inputs, outputs = num_inputs(card.channels, card.required_channels), card.scheme.num_outputs
    at_once, in_slabs = kind.activation_bytes(filters, engine, norm)
    flop = kind.flop(inputs, outputs, filters)
    return Cost(flop, at_once, in_slabs if by_level else None)


def plan_of(
    card: ModelCard, settings: InferenceSettings, shape: tuple[int, int, int], box: tuple | None = None
) -> Plan:
    """The plan of one volume; box: the body's (low, high), used by stream and crop, None for the whole volume."""
    kind, filters, cost = (
        architecture_of(card.network),
        filters_of(card.network),
        cost_of(card, settings.engine, settings.by_level),
    )
    body = None if box is None else Box(*box)
    if settings.mode == "stream":
        memory = None if settings.memory_gb is None else settings.memory_gb * 1e9
        return plan_stream(shape, kind.divisor(filters), kind.margin(filters), body, cost, memory)
    if settings.mode == "crop":
        return plan_windows(shape, card.window, settings.overlap, body or Box((0, 0, 0), shape), cost)
    return plan_windows(shape, card.window, settings.overlap, cost=cost)


def prepare(visit: Visit, card: ModelCard, settings: InferenceSettings, stopwatch: Stopwatch) -> Prepared:
    """Raises CohortError when the visit has no PET that the model knows."""
    with stopwatch.stage("harmonise"):
        grid = harmonise(visit, card.channels, card.spacing_mm)
        image = torch.from_numpy(network_input(grid, card.required_channels))
        if settings.device != "cpu":
            image = image.pin_memory()
        box = None if settings.mode == "exact" else body_box(grid)
        pets = replace(visit, scans={c: s for c, s in visit.scans.items() if c in visit.tracer_channels})
        return Prepared(pets, grid.present, grid.geometry, image, plan_of(card, settings, grid.geometry.shape, box))


def forward(
    prepared: Prepared,
    card: ModelCard,
    networks: Sequence[Predict],
    settings: InferenceSettings,
    stopwatch: Stopwatch,
    note: Callable[[str], None] = lambda line: None,
) -> Tensor:
    """Log-odds of lesion (T, I, J, K) float32 on the working grid, one for each tracer of the model, in its order.

    Where `settings.compared` names another way, T more channels hold its log-odds. A device that runs out of memory
    gets smaller batches, then shallower tiles, each said through `note`; when nothing is left to make smaller,
    InferenceError. A result that is not finite is an InferenceError as well.
    """
    scheme = card.scheme
    groups = [(scheme.span(t), scheme.lesion_indices(t)) for t in scheme.tracers]
    predict = averaged(networks, settings.flips)
    if settings.compared is not None and not settings.audit:
        predict = averaged_beside_first(networks, settings.flips)
        n = scheme.num_outputs
        groups += [(slice(span.start + n, span.stop + n), chosen) for span, chosen in groups]
    plans = [prepared.plan]
    if settings.audit:
        plans.append(plan_of(card, replace(settings, mode="exact", audit=False), prepared.plan.shape))
    with stopwatch.stage("network"):
        image = prepared.image.to(settings.device, non_blocking=True)
        odds = [_run(prepared.visit.visit_id, image, plan, card, predict, groups, settings, note) for plan in plans]
        return torch.cat(odds) if len(odds) > 1 else odds[0]


def _run(visit_id: str, image: Tensor, plan: Plan, card: ModelCard, predict: Predict, groups, settings, note) -> Tensor:
    batch_size, collapse = settings.batch_size, lesion_odds(groups)
    if batch_size is None:
        batch_size = windows_at_once(plan, settings.device, settings.memory_gb)
    while True:
        try:
            return sliding(image, plan, predict, batch_size, collapse=collapse).cpu()
        except torch.OutOfMemoryError as error:
            plan, batch_size = _smaller(plan, batch_size, card, error)
            note(f"{visit_id}: out of memory; going on with batches of {batch_size}, {plan.explain()}")
        except ValueError as error:
            overflow = settings.precision == "fp16" and "not finite" in str(error)
            hint = "; fp16 ends at 65504, try inference.precision=bf16" if overflow else ""
            raise InferenceError(f"{visit_id}: {error}{hint}") from error


def finish(
    prepared: Prepared, odds_TIJK: Tensor, card: ModelCard, settings: InferenceSettings, stopwatch: Stopwatch
) -> dict[str, TracerResult]:
    """Tracer channel -> result, for every tracer that the model knows and the visit has."""
    visit, working, results = prepared.visit, prepared.working, {}
    tracers = card.scheme.tracers
    for t, tracer in enumerate(tracers):
        if tracer not in visit.scans:
            continue
        suv, moved = visit.scans[tracer].volume, visit.scans[tracer].transform
        with stopwatch.stage("native_grid"):
            back = None if moved is None else inverse_over(moved, suv.geometry)
            unseen = _unseen(working, suv.geometry, back)
            seen = prepared.plan.box
            temperature, threshold = card.temperatures.get(tracer, 1.0), settings.threshold_of(tracer)
            probability = _probability(odds_TIJK[t] / temperature, seen, working, suv.geometry, back, unseen)
            probability_volume = Volume(probability, suv.geometry, Quantity.PROBABILITY)
        with stopwatch.stage("lesions"):
            lesions = extract(probability_volume, threshold, settings.connectivity)
        with stopwatch.stage("measure"):
            rows = measure(suv, lesions, probability_volume)
        audit = None
        if settings.compared is not None:
            with stopwatch.stage("audit"):
                n = len(tracers) + t
                whole = Box((0, 0, 0), working.shape)
                other = _probability(
                    odds_TIJK[n] / card.temperatures.get(tracer, 1.0), whole, working, suv.geometry, back, unseen
                )
                audit = Audit.of(settings.compared, probability, other, threshold, _truth(visit, tracer, suv))
        results[tracer] = TracerResult(tracer, suv, probability_volume, lesions, rows, audit)
    return results


def _probability(
    odds_IJK: Tensor, box: Box, working: Geometry, native: Geometry, back: Transform | None, unseen: np.ndarray | None
) -> np.ndarray:
    """Lesion probability on a native PET grid, 0 beyond `box`, the part of the working grid that was computed."""
    probability = np.zeros(native.shape, dtype=np.float32, order="F")  # as it will lie in its file
    part = Box((0, 0, 0), native.shape)
    if back is None:
        part = _native_box(box, working, native)
        if part.num_voxels == 0:
            return probability
    torch.sigmoid(_on_native(odds_IJK, working, native, back, part), out=torch.from_numpy(probability[part.slices]))
    if unseen is not None:
        probability[unseen] = 0.0
    return probability


def _native_box(box: Box, working: Geometry, native: Geometry) -> Box:
    """The native voxels that lie on a box of the working grid, whose frame is the same, or beside it."""
    corners = np.where(list(np.ndindex(2, 2, 2)), box.high, np.array(box.low) - 1)
    index = native.to_index(working.to_world(corners))
    low = np.clip(np.floor(index.min(axis=0)), 0, native.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, low, native.shape).astype(int)
    return Box(tuple(low.tolist()), tuple(high.tolist()))


def _truth(visit: Visit, tracer: str, suv: Volume) -> np.ndarray | None:
    """The reference's lesions where the visit was read with them and they lie on the PET's grid."""
    mask = visit.masks.get(tracer)
    return None if mask is None or not mask.geometry.same_grid(suv.geometry) else mask.array > 0


def predict_visit(
    visit: Visit,
    card: ModelCard,
    networks: Sequence[Predict],
    settings: InferenceSettings,
    stopwatch: Stopwatch,
) -> dict[str, TracerResult]:
    """The three steps in a row."""
    prepared = prepare(visit, card, settings, stopwatch)
    return finish(prepared, forward(prepared, card, networks, settings, stopwatch), card, settings, stopwatch)


def _smaller(plan: Plan, batch_size: int, card: ModelCard, error: Exception) -> tuple[Plan, int]:
    if batch_size > 1 and plan.num_tiles > 1:
        return plan, batch_size // 2
    if plan.mode == "stream":
        kind, filters = architecture_of(card.network), filters_of(card.network)
        need = plan.cost.activation_bytes * max(t.read.num_voxels for t in plan.tiles)
        cost = replace(plan.cost, by_level=None)
        less = plan_stream(plan.shape, kind.divisor(filters), kind.margin(filters), plan.box, cost, need / 2)
        if max(t.read.num_voxels for t in less.tiles) < max(t.read.num_voxels for t in plan.tiles):
            return less, 1
    raise InferenceError(
        f"the device has too little memory for one tile of {plan.tiles[0].read.shape} voxels; "
        "close what else uses it, choose a coarser spacing, or run with device=cpu"
    ) from error


def _on_native(odds_IJK: Tensor, working: Geometry, native: Geometry, back: Transform | None, part: Box) -> Tensor:
    """Log-odds at the voxels of a part of a native PET grid; back: from that PET's frame to the working grid's.

    A field's part is the whole grid.
    """
    if back is None or isinstance(back, RigidTransform):
        affine = native.affine_ras if back is None else back.matrix @ native.affine_ras
        first = np.eye(4)
        first[:3, 3] = part.low
        return to_grid(odds_IJK, np.linalg.inv(working.affine_ras) @ affine @ first, part.shape)
    positions = working.to_index(back.apply(grid_points(native)))
    return at_positions(odds_IJK, positions.reshape(*native.shape, 3))


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
