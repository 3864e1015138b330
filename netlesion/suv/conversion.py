"""The decision table of clinical.md 1.3: from Units (0054,1001) to the factors that make SUVbw and Bq/ml of voxels.

Every path taken is in the result, whatever is not in the table is refused by name. Knows nothing about files or
voxels. Sources: QIBA's vendor-neutral pseudocode and the IBSI SUV digital reference objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netlesion.errors import SuvError
from netlesion.suv.attenuation import denials
from netlesion.suv.body_size import SUL_OF_DICOM, SulFormula, SuvType, checked_weight_kg, suvbw_ratio
from netlesion.suv.facts import PetFacts
from netlesion.suv.injected import Activity, activity
from netlesion.suv.one_clock import on_one_clock

#: Philips' two factors must tell the same SUV within this fraction [P].
PHILIPS_TOLERANCE = 0.01


@dataclass(frozen=True)
class SuvConversion:
    """How the voxels of one series (stored * slope + intercept) become SUVbw, and every choice on the way.

    suvbw = voxel * suvbw_factors, one factor for all slices or one for each. `path` names the row of the table.
    `activity` holds dose and times; it is None where the voxels are SUV already and the header does not tell
    what Bq/ml they were, and `no_activity` then says what is missing.
    """

    path: str
    suvbw_factors: tuple[float, ...]
    activity: Activity | None
    no_activity: str
    warnings: tuple[str, ...]

    @property
    def bqml_factors(self) -> tuple[float, ...]:
        """bqml = voxel * bqml_factors, at the reference time; raises SuvError where the activity is not known.

        Of voxels that are SUV already it is the Bq/ml that give this SUV again with the header's weight, dose and
        times: `suvbw / activity.factor`.
        """
        return tuple(factor / self.require_activity().factor for factor in self.suvbw_factors)

    def require_activity(self) -> Activity:
        """Dose and times; raises SuvError where an image that is SUV already comes without them."""
        if self.activity is None:
            raise SuvError(f"an image of {self.path} cannot be given in Bq/ml: {self.no_activity}")
        return self.activity


def suv_conversion(facts: PetFacts) -> SuvConversion:
    """The SUVbw factors of one series; raises SuvError, naming tag, value and remedy, rather than guess."""
    warnings = list(facts.notes)
    facts = on_one_clock(facts, warnings)
    _require_corrected(facts, warnings)
    if facts.units == "BQML":
        return _from_bqml(facts, f"BQML {facts.decay_correction}", 1.0, warnings)
    if facts.units == "CNTS":
        return _from_counts(facts, warnings)
    if facts.units in ("GML", "CM2ML"):
        path = f"{facts.units} {facts.suv_type or ('BW' if facts.units == 'GML' else 'BSA')}"
        return _from_suv(facts, path, _suvbw_of_scanner_suv(facts, warnings), warnings)
    raise SuvError(
        f"Units (0054,1001) is {facts.units or 'missing'}, expected BQML, CNTS, GML or CM2ML; "
        "reconstruct or export the series in Bq/ml"
    )


def suv_ratio(
    suv_type: SuvType, formula: SulFormula, facts: PetFacts, conversion: SuvConversion
) -> tuple[float, SuvConversion]:
    """What SUVbw is multiplied by to become another SUV, and the conversion with the warnings this adds."""
    warnings: list[str] = []
    ratio = suvbw_ratio(suv_type, formula, facts.weight_kg, facts.patient_size, facts.sex, warnings)
    return ratio, replace(conversion, warnings=(*conversion.warnings, *warnings))


def _from_bqml(facts: PetFacts, path: str, bqml_per_voxel: float, warnings: list[str]) -> SuvConversion:
    known = activity(facts, warnings)
    factors = tuple(bqml_per_voxel * f * known.factor for f in known.bqml_factors)
    return SuvConversion(path, factors, known, "", tuple(warnings))


def _from_suv(facts: PetFacts, path: str, suvbw_per_voxel: float, warnings: list[str]) -> SuvConversion:
    """Voxels that the scanner has made SUV; the activity is only needed to give them in Bq/ml."""
    if facts.decay_correction == "NONE":
        raise SuvError(
            f"Decay Correction (0054,1102) is NONE in an image of {path}: what its SUV refers to is not known; "
            "reconstruct in Bq/ml"
        )
    of_activity: list[str] = []
    try:
        known = activity(facts, of_activity)
    except SuvError as error:
        return SuvConversion(path, (suvbw_per_voxel,), None, str(error), tuple(warnings))
    return SuvConversion(path, (suvbw_per_voxel,), known, "", (*warnings, *of_activity))


def _from_counts(facts: PetFacts, warnings: list[str]) -> SuvConversion:
    """Philips' counts: its SUV factor (7053,xx00), else its Bq/ml factor (7053,xx09); both must agree."""
    to_suv = _philips_factor(facts.philips_suv_factor, "SUV factor (7053,xx00)")
    to_bqml = _philips_factor(facts.philips_bqml_factor, "activity factor (7053,xx09)")
    if to_suv is None and to_bqml is None:
        raise SuvError(
            "Units (0054,1001) is CNTS and the Philips factors (7053,xx00) and (7053,xx09) are missing: they are "
            "private and may have been removed by de-identification; export the series with them, or in Bq/ml"
        )
    if to_bqml is not None and (to_suv is None or facts.decay_correction == "NONE"):
        return _from_bqml(facts, f"CNTS activity factor, {facts.decay_correction}", to_bqml, warnings)
    assert to_suv is not None
    conversion = _from_suv(facts, "CNTS SUV factor", to_suv, warnings)
    if to_bqml is not None and conversion.activity is not None:
        other = to_bqml * conversion.activity.factor
        if abs(other / to_suv - 1.0) > PHILIPS_TOLERANCE:
            raise SuvError(
                f"the Philips SUV factor (7053,xx00) {to_suv:g} and the activity factor (7053,xx09) {to_bqml:g}, which "
                f"makes {other:g} with the header's dose and times, differ by {100 * abs(other / to_suv - 1):.1f} %; "
                "the header was changed after reconstruction, correct it or export the series in Bq/ml"
            )
    return conversion


def _philips_factor(value: float | None, name: str) -> float | None:
    """A private factor; Philips writes 0 where it has none."""
    if value is None or value == 0:
        return None
    if value < 0:
        raise SuvError(f"the Philips {name} is {value:g}, expected above 0; export the series in Bq/ml")
    return value


def _suvbw_of_scanner_suv(facts: PetFacts, warnings: list[str]) -> float:
    """SUVbw per voxel of an image whose voxels are SUV of the type of (0054,1006)."""
    kind = facts.suv_type
    if facts.units == "GML":
        if kind in (None, "BW"):
            if facts.weight_kg is not None:
                checked_weight_kg(facts.weight_kg)
            return 1.0
        if kind in SUL_OF_DICOM:
            suv_type, formula = SuvType.SUL, SUL_OF_DICOM[kind]
        elif kind == "IBW":
            suv_type, formula = SuvType.SUVIBW, SulFormula.JANMAHASATIAN
        else:
            raise _unknown_type(facts, "BW, LBM, LBMJAMES128, LBMJANMA or IBW")
    elif kind in (None, "BSA"):
        suv_type, formula = SuvType.SUVBSA, SulFormula.JANMAHASATIAN
    else:
        raise _unknown_type(facts, "BSA")
    return 1.0 / suvbw_ratio(suv_type, formula, facts.weight_kg, facts.patient_size, facts.sex, warnings)


def _unknown_type(facts: PetFacts, expected: str) -> SuvError:
    return SuvError(
        f"SUV Type (0054,1006) is {facts.suv_type} with Units (0054,1001) {facts.units}, expected {expected}; "
        "reconstruct or export the series in Bq/ml"
    )


def _require_corrected(facts: PetFacts, warnings: list[str]) -> None:
    """Raises SuvError unless attenuation and decay were corrected; decay need not be where we correct it (NONE)."""
    _require_attenuation_corrected(facts, warnings)
    found = "/".join(facts.corrected_image) or "missing"
    decy = "DECY" in facts.corrected_image
    if facts.decay_correction != "NONE":
        if not decy:
            raise SuvError(
                f"Corrected Image (0028,0051) is {found}, without DECY: not corrected for decay, so it carries no SUV; "
                "choose the corrected series"
            )
        return
    changed = [f.decay_factor for f in facts.frames if f.decay_factor not in (None, 1.0)]
    contradiction = f"Corrected Image (0028,0051) is {found}, but Decay Correction (0054,1102) is NONE"
    if changed:
        raise SuvError(
            f"{contradiction} and Decay Factor (0054,1321) is {changed[0]:g}: whether decay was corrected is not "
            "known; correct the header or choose another series"
        )
    if decy:
        warnings.append(f"{contradiction}; decay was corrected here")


def _require_attenuation_corrected(facts: PetFacts, warnings: list[str]) -> None:
    found = denials(facts.units, facts.attenuation_method, facts.corrected_image)
    if not found:
        return
    line = f"{', '.join(found)}: not corrected for attenuation"
    if not facts.allow_uncorrected:
        raise SuvError(f"{line}, so it carries no SUV; choose the corrected series, or ask with --allow-uncorrected")
    warnings.append(f"{line}; taken all the same, as --allow-uncorrected asks")
