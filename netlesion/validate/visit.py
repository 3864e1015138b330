"""One visit through every check: read an image, look at it, keep its outline, let it go.

Takes the files of a visit and what is expected of the cohort; returns a VisitReport. At most one native image and its
masks are in memory at a time. A fault of one image never hides the checks of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from netlesion.errors import NetlesionError
from netlesion.image.visit import CHANNEL_QUANTITY, Scan, Tracer
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import UNKNOWN_DESC
from netlesion.io.bids.pet import sidecar_of
from netlesion.io.bids.visit_files import REFERENCE_DESC, VisitFiles, load_visit
from netlesion.io.contour_gaps import contour_gaps, gaps_line
from netlesion.io.nifti import read_volume
from netlesion.output.provenance import without_folders
from netlesion.quantify.instances import instances
from netlesion.validate.alignment import align
from netlesion.validate.body import Outline, coarse, outline_of_ct, outline_of_pet
from netlesion.validate.coverage import PADDING_HU, body_ends, ct_coverage
from netlesion.validate.finding import Finding, Level, VisitReport
from netlesion.validate.fingerprint import Fingerprint, fingerprint
from netlesion.validate.laterality import Side, side_by_ct, side_by_pet
from netlesion.validate.lesions import INSIDE_SHARE, LEAST_UPTAKE, places
from netlesion.validate.organs import organ_mask
from netlesion.validate.slices import Slices, look_at_slices
from netlesion.validate.uptake import Range, activity_share, body_uptake, liver_mean, liver_range

#: Masks that nobody draws slice by slice.
NOT_DRAWN = ("organs", UNKNOWN_DESC)
#: All [P]; below them nothing is said, for arms, breathing and blur move outlines by a voxel of the coarse grid.
SHIFT_WARNING_MM = 10.0
SHIFT_ERROR_MM = 30.0
LEAST_GAIN = 0.005
LEAST_DICE = 0.75
LEAST_DICE_OF_CROP = 0.60
JUMP = 2.5
BEYOND_CT_MM = 20.0
BESIDE_CT_SHARE = 0.01
CT_CUT_SHARE = 0.03
SURE = 0.5
#: What `expect` may ask, and the shortest body that can fulfil it, mm.
EXPECTED_LENGTH_MM = {"any": 0.0, "thigh": 800.0, "vertex-toe": 1350.0}
RESCALE = "check units, dose, weight and times of the PET (netlesion suv shows them), then import it again"


@dataclass(frozen=True)
class Expectations:
    """What is expected of every visit: field of view (a key of EXPECTED_LENGTH_MM), and the `desc-` of lesions."""

    field_of_view: str = "any"
    desc: str = REFERENCE_DESC


@dataclass
class _Notes:
    """What is collected on the way."""

    files: VisitFiles
    findings: list[Finding] = field(default_factory=list)
    made: list[tuple[str, str]] = field(default_factory=list)
    not_made: dict[tuple[str, str], str] = field(default_factory=dict)
    prints: dict[str, Fingerprint] = field(default_factory=dict)

    def find(self, check: str, image: str, level: Level, value: str, expectation: str, remedy: str) -> None:
        self.findings.append(Finding(self.files.visit_id, image, check, level, value, expectation, remedy))

    def looked(self, check: str, image: str) -> None:
        self.made.append((check, image))

    def skip(self, check: str, image: str, reason: str) -> None:
        self.not_made[check, image] = reason


def examine(files: VisitFiles, expect: Expectations) -> VisitReport:
    """Every check that one visit allows."""
    notes = _Notes(files)
    ct = _examine_ct(files, notes)
    sides: dict[str, Side] = {}
    if ct is not None:
        _keep_side(sides, "ct", ct, side_by_ct, notes)
    for channel in (t.value for t in Tracer):
        if channel in files.images:
            _examine_pet(files, channel, ct, expect, sides, notes)
    _judge_sides(sides, notes)
    for channel in files.images:
        if CHANNEL_QUANTITY[channel] is Quantity.MR:
            scan = _read(files, channel, notes)
            if scan is not None:
                _judge_slices(look_at_slices(scan.volume), channel, notes, jumps=False)
    return VisitReport(
        files.visit_id, files.patient_id, tuple(notes.findings), tuple(notes.made), notes.not_made, notes.prints
    )


def _read(files: VisitFiles, channel: str, notes: _Notes) -> Scan | None:
    notes.looked("readable", channel)
    try:
        return load_visit(files, [channel]).scans[channel]
    except NetlesionError as error:
        line = without_folders(str(error), files.paths)
        notes.find("readable", channel, Level.ERROR, line, "an image of its quantity", "see the message")
        return None


def _examine_ct(files: VisitFiles, notes: _Notes) -> Outline | None:
    scan = _read(files, "ct", notes) if "ct" in files.images else None
    if scan is None:
        return None
    _judge_slices(look_at_slices(scan.volume), "ct", notes, jumps=True)
    return outline_of_ct(coarse(_with_padding(scan.volume, sidecar_of(files.image("ct").path) or {})))


def _with_padding(hu: Volume, sidecar: Mapping) -> Volume:
    """A CT whose padding, which its side-car names, lies below all HU again: no measurement, as `coverage` has it."""
    padding = sidecar.get("PaddingHU")
    if not isinstance(padding, (int, float)):
        return hu
    return hu.with_array(np.where(hu.array <= padding, 2 * PADDING_HU, hu.array))


def _examine_pet(
    files: VisitFiles, channel: str, ct: Outline | None, expect: Expectations, sides: dict[str, Side], notes: _Notes
) -> None:
    scan = _read(files, channel, notes)
    if scan is None:
        return
    suv = scan.volume
    _judge_slices(look_at_slices(suv), channel, notes, jumps=True)
    body = outline_of_pet(coarse(suv))
    notes.prints[channel] = fingerprint(suv, body)
    _judge_body_uptake(body, channel, notes)
    for line in scan.acquisition.warnings:
        notes.find("suv", channel, Level.WARNING, line, "facts that need no assumption", "correct the side-car")
    _judge_activity(suv, scan.acquisition.weight_kg, body, channel, notes)
    _judge_ends(body, channel, expect.field_of_view, notes)
    both = _judge_alignment(body, ct, channel, notes)
    _keep_side(sides, channel, body, side_by_pet, notes)
    _judge_masks(files, channel, suv, body, both, expect.desc, sides.get(channel), notes)


def _judge_slices(slices: Slices, image: str, notes: _Notes, jumps: bool) -> None:
    notes.looked("slices", image)
    again = "export the series again, whole, and import it again"
    for what, found in (("constant", slices.constant), ("equal to the one before", slices.repeated)):
        if found:
            first = f"{len(found)} of {slices.num} slices {what}, the first is slice {found[0]}"
            notes.find("slices", image, Level.ERROR, first, "every slice differs", again)
    if jumps and slices.jump_ratio > JUMP:
        value = f"slices {slices.jump_at - 1} and {slices.jump_at} differ {slices.jump_ratio:.1f} times as usual"
        notes.find("slices", image, Level.WARNING, value, f"at most {JUMP:g} times (a slab may be missing)", again)


def _judge_body_uptake(body: Outline, channel: str, notes: _Notes) -> None:
    if not body.inside.any():
        notes.find("suv", channel, Level.ERROR, "no body is seen", "a body with uptake", RESCALE)
        return
    notes.looked("suv", channel)
    uptake = body_uptake(body, channel)
    if not uptake.ok:
        notes.find("suv", channel, _level(uptake), f"body mean SUV {uptake.value:.3g}", _between(uptake), RESCALE)


def _judge_activity(suv: Volume, weight_kg: float | None, body: Outline, channel: str, notes: _Notes) -> None:
    if weight_kg is None:
        notes.skip("activity", channel, "the body weight is not known")
        return
    notes.looked("activity", channel)
    share = activity_share(suv, weight_kg, body)
    if not share.ok:
        value = f"{share.value:.2f} of the injected activity in the image"
        notes.find("activity", channel, _level(share), value, _between(share), RESCALE)


def _judge_ends(body: Outline, channel: str, expected: str, notes: _Notes) -> None:
    ends = body_ends(body)
    if expected == "any" or ends is None:
        notes.skip("field-of-view", channel, "no field of view was asked for (--expect)")
        return
    notes.looked("field-of-view", channel)
    cut = [name for name, is_cut in (("head", ends.cut_at_head), ("foot", ends.cut_at_foot)) if is_cut]
    wrong = ends.length_mm < EXPECTED_LENGTH_MM[expected] or (expected == "vertex-toe" and cut)
    if wrong:
        value = f"{ends.length_mm:.0f} mm of body" + (f", cut at the {' and the '.join(cut)}" if cut else "")
        wanted = f"at least {EXPECTED_LENGTH_MM[expected]:.0f} mm" + (", from end to end" * (expected == "vertex-toe"))
        remedy = "add the missing bed positions; `no lesion found` is `not assessable` outside the field of view"
        notes.find("field-of-view", channel, Level.ERROR, value, wanted, remedy)


def _judge_alignment(body: Outline, ct: Outline | None, channel: str, notes: _Notes) -> np.ndarray:
    """Returns the body of PET or CT on the PET's coarse grid."""
    if ct is None:
        for check in ("alignment", "ct-coverage"):
            notes.skip(check, channel, "there is no CT")
        return body.inside
    found = align(body, ct)
    if found is None:
        remedy = "check which CT belongs to this PET, and the affines of both"
        notes.find("alignment", channel, Level.ERROR, "PET and CT share no body", "one body in both", remedy)
        return body.inside
    notes.looked("alignment", channel)
    remedy = "look at both over each other; import the CT of the same examination, or register it"
    if body.is_crop:
        if found.dice < LEAST_DICE_OF_CROP:
            expected = f"at least {LEAST_DICE_OF_CROP:g}"
            notes.find("alignment", channel, Level.WARNING, f"overlap {found.dice:.2f}", expected, remedy)
    elif (found.distance_mm > SHIFT_WARNING_MM and found.best_dice - found.dice >= LEAST_GAIN) or (
        found.dice < LEAST_DICE
    ):
        far = found.distance_mm > SHIFT_ERROR_MM or found.dice < LEAST_DICE
        shift = ", ".join(f"{mm:+.0f}" for mm in found.shift_mm)
        value = f"overlap {found.dice:.3f}, {found.best_dice:.3f} with the CT moved by ({shift}) mm to R, A, S"
        expected = f"a shift of at most {SHIFT_WARNING_MM:g} mm and an overlap of at least {LEAST_DICE:g}"
        notes.find("alignment", channel, Level.ERROR if far else Level.WARNING, value, expected, remedy)
    _judge_coverage(body, ct, channel, notes)
    return body.inside | found.body


def _judge_coverage(body: Outline, ct: Outline, channel: str, notes: _Notes) -> None:
    covered = None if body.is_crop else ct_coverage(body, ct)
    if covered is None:
        notes.skip("ct-coverage", channel, "the PET is a crop, cut at its sides" if body.is_crop else "no common slice")
        return
    notes.looked("ct-coverage", channel)
    remedy = "SUV there was attenuated by a guess; take it as unmeasured, or use a CT of full extent"
    for end, beyond_mm in (("foot", covered.beyond_foot_mm), ("head", covered.beyond_head_mm)):
        if beyond_mm > BEYOND_CT_MM:
            value = f"{beyond_mm:.0f} mm of PET body beyond the {end} end of the CT"
            notes.find("ct-coverage", channel, Level.WARNING, value, f"at most {BEYOND_CT_MM:g} mm", remedy)
    if covered.beside_share > BESIDE_CT_SHARE or ct.cut_share > CT_CUT_SHARE:
        value = (
            f"{covered.beside_share:.1%} of the PET body lies beside the CT's field of view, "
            f"{ct.cut_share:.1%} of the CT's body surface is cut by it"
        )
        expected = f"at most {BESIDE_CT_SHARE:.0%} and {CT_CUT_SHARE:.0%} (arms within the CT)"
        notes.find("ct-coverage", channel, Level.WARNING, value, expected, remedy)


def _keep_side(
    sides: dict[str, Side], image: str, body: Outline, decide: Callable[[Outline], Side | None], notes: _Notes
) -> None:
    side = None if body.is_crop else decide(body)
    if side is None:
        notes.skip("side", image, "the image is a crop" if body.is_crop else "no chest or liver to tell it by")
        return
    notes.looked("side", image)
    sides[image] = side


def _judge_sides(sides: dict[str, Side], notes: _Notes) -> None:
    """A warning for every image that shows the liver on the left with some confidence, and what the others say."""
    for image, side in sides.items():
        if side.score < 0 and side.confidence >= SURE:
            others = [
                f"{name} {'right' if s.score > 0 else 'left'} ({s.confidence:.2f})"
                for name, s in sides.items()
                if name != image
            ]
            value = f"liver on the left (score {side.score:+.2f}, confidence {side.confidence:.2f})"
            value += f"; {', '.join(others)}" if others else ""
            remedy = "look: a mirrored image (wrong affine or array), or situs inversus; other images tell which"
            notes.find("side", image, Level.WARNING, value, "liver on the right", remedy)


def _judge_masks(
    files: VisitFiles,
    channel: str,
    suv: Volume,
    body: Outline,
    both: np.ndarray,
    desc: str,
    side: Side | None,
    notes: _Notes,
) -> None:
    masks = {name: _read_mask(path, name, channel, suv, notes) for name, path in files.masks.get(channel, {}).items()}
    lesions = masks.get(desc)
    _judge_gaps({n: m for n, m in masks.items() if m is not None and n not in NOT_DRAWN}, channel, notes)
    if desc not in masks:
        for check in ("lesions-in-body", "lesion-uptake"):
            notes.skip(check, channel, f"there is no mask desc-{desc}")
    elif lesions is not None:
        _judge_lesions(lesions, suv, body, both, channel, notes)
    organs = files.masks.get(channel, {}).get("organs")
    liver = None
    if organs is not None and masks["organs"] is not None:
        try:
            liver = organ_mask(organs, masks["organs"], "liver")
        except NetlesionError as error:
            expected = "a table of BIDS: index and name"
            notes.find("mask-grid", channel, Level.ERROR, str(error), expected, "save the table as text in UTF-8")
    _judge_liver(suv, liver, None if lesions is None else lesions.array > 0, side, channel, notes)


def _read_mask(path, desc: str, channel: str, suv: Volume, notes: _Notes) -> Volume | None:
    notes.looked("mask-grid", channel)
    try:
        mask = read_volume(path, Quantity.LABEL)
        suv.geometry.require_same_grid(mask.geometry, f"the {channel} image", f"its mask desc-{desc}")
    except NetlesionError as error:
        remedy = "restore the mask on the PET's grid, or resample it there by nearest neighbour"
        line = without_folders(str(error), [path])
        notes.find("mask-grid", channel, Level.ERROR, line, "labels on the PET's grid", remedy)
        return None
    return mask


def _judge_gaps(masks: Mapping[str, Volume], channel: str, notes: _Notes) -> None:
    """Slices left out between contours, along the axis nearest to the patient's length, in masks by desc."""
    if not masks:
        notes.skip("mask-gaps", channel, "there is no mask that a person draws")
        return
    notes.looked("mask-gaps", channel)
    for desc, mask in masks.items():
        along = mask.geometry.nearest_ras()[0][2]
        gaps = contour_gaps(np.moveaxis(mask.array > 0, along, 2))
        if gaps:
            remedy = "draw on every slice, or fill the gaps when it is imported (--interpolate-contours)"
            value = f"desc-{desc}: {gaps_line(gaps)}"
            notes.find("mask-gaps", channel, Level.WARNING, value, "every slice of a lesion drawn", remedy)


def _judge_lesions(lesions: Volume, suv: Volume, body: Outline, both: np.ndarray, channel: str, notes: _Notes) -> None:
    notes.looked("lesions-in-body", channel)
    notes.looked("lesion-uptake", channel)
    found = places(instances(lesions), suv, both, body.geometry)
    outside = [p for p in found if p.inside_share < INSIDE_SHARE]
    remedy = "look at the mask over its PET: is it of this image, not flipped or shifted?"
    if outside:
        worst = max(outside, key=lambda p: p.volume_ml)
        value = (
            f"{len(outside)} of {len(found)} lesions outside the body, the largest is lesion {worst.lesion_id} "
            f"({worst.volume_ml:.1f} ml, {worst.inside_share:.0%} inside)"
        )
        notes.find("lesions-in-body", channel, Level.ERROR, value, f"at least {INSIDE_SHARE:.0%} inside", remedy)
    cold = [p for p in found if p.suvmax < LEAST_UPTAKE * body.mean]
    if cold:
        worst = max(cold, key=lambda p: p.volume_ml)
        value = (
            f"{len(cold)} of {len(found)} lesions colder than the body's mean {body.mean:.2f}, the largest is lesion "
            f"{worst.lesion_id} ({worst.volume_ml:.1f} ml, SUVmax {worst.suvmax:.2f})"
        )
        notes.find("lesion-uptake", channel, Level.WARNING, value, "SUVmax above the body's mean", remedy)


def _judge_liver(
    suv: Volume, liver: np.ndarray | None, lesions: np.ndarray | None, side: Side | None, channel: str, notes: _Notes
) -> None:
    limits = liver_range(channel)
    if limits is None:
        notes.skip("liver", channel, "no source gives the liver's SUV for this tracer")
        return
    mean, how = (None, "") if liver is None else (liver_mean(suv, liver, lesions), "organ map")
    if mean is None and side is not None and side.score > 0 and side.confidence >= SURE:
        mean, how = side.uptake, "largest thick region right of the midline, no organ map"
    if mean is None:
        notes.skip("liver", channel, "there is no liver to measure")
        return
    notes.looked("liver", channel)
    uptake = Range(mean, *limits)
    if not uptake.ok:
        value = f"liver SUVmean {mean:.2f} ({how})"
        notes.find("liver", channel, Level.WARNING, value, _between(uptake) + " (4 SD)", RESCALE)


def _between(uptake: Range) -> str:
    return f"{uptake.low:.3g} to {uptake.high:.3g}"


def _level(uptake: Range) -> Level:
    return Level.ERROR if uptake.impossible else Level.WARNING
