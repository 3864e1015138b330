"""One visit in, results out: the story of inference, in three steps that a cohort can overlap.

prepare   visit -> harmonise -> network input -> the body's box -> plan
forward   plan -> tiles through the network -> logits of lesion on the working grid, one map for each tracer, and organs
finish    logits on each native PET grid -> lesion probability -> lesions -> measurements beside CT, MR and organs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from netlesion.errors import InferenceError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import inverse_over
from netlesion.image.visit import Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.inference.average import Predict, averaged, averaged_beside_first
from netlesion.inference.plan import Box, Plan, windows_at_once
from netlesion.inference.reduction import Reduction, lesion_logit
from netlesion.inference.sliding import sliding
from netlesion.io.bids.label_maps import LabelMap
from netlesion.models.card import ModelCard
from netlesion.models.organs import ORGAN_NAMES, num_organs
from netlesion.output.provenance import Stopwatch
from netlesion.predict.agreement import Agreement
from netlesion.predict.native_grid import probability_on, unseen_by
from netlesion.predict.plan import plan_of, smaller
from netlesion.predict.settings import InferenceSettings
from netlesion.predict.surroundings import Surroundings, of_visit
from netlesion.preprocess.body_box import body_box
from netlesion.preprocess.harmonise import harmonise
from netlesion.preprocess.normalise import network_input
from netlesion.quantify.case import images_of, measure_case
from netlesion.quantify.instances import extract
from netlesion.quantify.references import ReferenceOrgans
from netlesion.quantify.split import split_lesions
from netlesion.quantify.summary import PatientSummary, summarise
from netlesion.quantify.table import LesionTable

if TYPE_CHECKING:
    from pandas import DataFrame


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
class Logits:
    """What the network says of a visit on the working grid.

    Attributes:
        lesion: (T, I, J, K) float32 logits of lesion, in the order of the model's tracers.
        compared: The same, computed in the other way that `settings.compared` names; None where there is none.
        organ: (I, J, K) uint8 class of the organ head; None where it is not kept.
    """

    lesion: Tensor
    compared: Tensor | None = None
    organ: Tensor | None = None


@dataclass(frozen=True, eq=False)
class TracerResult:
    """What was found on one PET, all on its native grid: SUV, lesion probability, label map, measurements.

    organs: the organ map of the visit, on the working grid, with a name for each label; None where the model has no
    organ head. references: uptake of the normal organs that lesions are compared with. summary: what the lesions amount
    to.
    """

    channel: str
    suv: Volume
    probability: Volume
    lesions: Volume
    rows: LesionTable
    agreement: Agreement | None = None
    organs: LabelMap | None = None
    references: ReferenceOrgans = field(default_factory=ReferenceOrgans)
    summary: PatientSummary = field(default_factory=lambda: summarise(()))

    @property
    def table(self) -> DataFrame | LesionTable:
        """One row for each lesion: a pandas DataFrame where pandas is installed, else `rows`."""
        return self.rows.frame()

    def __repr__(self) -> str:
        return f"<TracerResult {self.channel}: {len(self.rows)} lesions>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.rows._repr_html_()


def prepare(visit: Visit, card: ModelCard, settings: InferenceSettings, stopwatch: Stopwatch) -> Prepared:
    """Raises CohortError when the visit has no PET that the model knows."""
    with stopwatch.stage("harmonise"):
        grid = harmonise(visit, card.channels, card.spacing_mm)
        image = torch.from_numpy(network_input(grid, card.required_channels))
        if settings.machine.device != "cpu":
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
) -> Logits:
    """Runs the network over the plan, and where `settings.compared` names another way, in that way as well.

    A device that runs out of memory gets smaller batches, then shallower tiles, each said through `note`; when nothing
    is left to make smaller, InferenceError. A result that is not finite is an InferenceError as well.
    """
    scheme = card.scheme
    groups = [(scheme.span(t), scheme.lesion_indices(t)) for t in scheme.tracers]
    tracers, outputs, organs = len(groups), scheme.num_outputs, None
    if settings.organs:
        outputs += num_organs(card.network)
        organs = slice(scheme.num_outputs, outputs)
    predict = averaged(networks, settings.flips)
    if settings.compared is not None and not settings.agreement:
        predict = averaged_beside_first(networks, settings.flips)
        groups += [(slice(span.start + outputs, span.stop + outputs), chosen) for span, chosen in groups]
    reduction, run = lesion_logit(groups, organs), partial(_run, prepared.visit.visit_id)
    with stopwatch.stage("network"):
        image = prepared.image.to(settings.machine.device, non_blocking=True)
        maps = run(image, prepared.plan, card, predict, reduction, settings, note)
        lesion, compared = maps[:tracers], maps[tracers : len(groups)] if len(groups) > tracers else None
        if settings.agreement:
            exact = plan_of(card, replace(settings, mode="exact", agreement=False), prepared.plan.shape)
            compared = run(image, exact, card, predict, reduction, settings, note)[:tracers]
        organ = None if organs is None else maps[len(groups)].clamp(min=0.0).to(torch.uint8)
        return Logits(lesion, compared, organ)


def _run(
    visit_id: str,
    image: Tensor,
    plan: Plan,
    card: ModelCard,
    predict: Predict,
    reduction: Reduction,
    settings: InferenceSettings,
    note: Callable[[str], None],
) -> Tensor:
    batch_size = settings.machine.batch_size
    if batch_size is None:
        batch_size = windows_at_once(plan, settings.machine.device, settings.machine.memory_gb)
    while True:
        try:
            return sliding(image, plan, predict, batch_size, reduction=reduction).cpu()
        except torch.OutOfMemoryError as error:
            plan, batch_size = smaller(plan, batch_size, card, error)
            note(f"{visit_id}: out of memory; going on with batches of {batch_size}, {plan.explain()}")
        except ValueError as error:
            overflow = settings.precision == "fp16" and "not finite" in str(error)
            hint = "; fp16 ends at 65504, try inference.precision=bf16" if overflow else ""
            raise InferenceError(f"{visit_id}: {error}{hint}") from error


def finish(
    prepared: Prepared,
    logits: Logits,
    card: ModelCard,
    settings: InferenceSettings,
    stopwatch: Stopwatch,
    surroundings: Surroundings | None = None,
) -> dict[str, TracerResult]:
    """Tracer channel -> result, for every tracer that the model knows and the visit has.

    surroundings: what lesions are measured beside; None: what `prepared` holds, the PETs alone.
    """
    visit, working, results = prepared.visit, prepared.working, {}
    beside = of_visit(visit) if surroundings is None else surroundings
    with stopwatch.stage("measure"):
        anatomical = beside.scans()
    organs = None if logits.organ is None else _organ_map(visit.visit_id, logits.organ, working)
    for t, tracer in enumerate(card.scheme.tracers):
        if tracer not in visit.scans:
            continue
        suv, moved = visit.scans[tracer].volume, visit.scans[tracer].transform
        with stopwatch.stage("native_grid"):
            back = None if moved is None else inverse_over(moved, suv.geometry)
            unseen = unseen_by(working, suv.geometry, back)
            seen = prepared.plan.box
            temperature, threshold = card.temperatures.get(tracer, 1.0), settings.threshold_of(tracer)
            probability = probability_on(logits.lesion[t] / temperature, seen, working, suv.geometry, back, unseen)
            probability_volume = Volume(probability, suv.geometry, Quantity.PROBABILITY)
        with stopwatch.stage("lesions"):
            lesions = extract(probability_volume, threshold, settings.connectivity, settings.peak_threshold_of(tracer))
            if settings.split:
                lesions = split_lesions(lesions, suv)
        with stopwatch.stage("measure"):
            scan = visit.scans[tracer]
            measured = measure_case(
                suv,
                lesions,
                probability_volume,
                scan.tracer,
                beside.organs_of(tracer, scan, organs),
                images_of(anatomical, scan),
                beside.body(tracer),
            )
        agreement = None
        if settings.compared is not None and logits.compared is not None:
            with stopwatch.stage("agreement"):
                whole = Box((0, 0, 0), working.shape)
                other = probability_on(logits.compared[t] / temperature, whole, working, suv.geometry, back, unseen)
                agreement = Agreement.of(settings.compared, probability, other, threshold, _truth(visit, tracer, suv))
        results[tracer] = TracerResult(
            tracer,
            suv,
            probability_volume,
            lesions,
            measured.rows,
            agreement,
            organs,
            measured.references,
            measured.summary,
        )
    return results


def _organ_map(visit_id: str, organ: Tensor, working: Geometry) -> LabelMap:
    names = {n: name for n, name in enumerate(ORGAN_NAMES) if n > 0}
    return LabelMap(visit_id, Volume(organ.numpy(), working, Quantity.LABEL), names, ())


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
    logits = forward(prepared, card, networks, settings, stopwatch)
    return finish(prepared, logits, card, settings, stopwatch, of_visit(visit))
