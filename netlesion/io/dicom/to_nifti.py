"""One PET DICOM series -> a SUV NIfTI with the facts of its conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netlesion.errors import ConfigError, NetlesionError
from netlesion.image.volume import Quantity
from netlesion.io.dicom.pet_header import tracer_of_series
from netlesion.io.dicom.pet_image import read_suvbw, series_facts
from netlesion.io.dicom.series_choice import one_series
from netlesion.io.nifti import write_volume
from netlesion.output.atomic import write_json
from netlesion.output.provenance import Stopwatch, hash_file, provenance
from netlesion.suv import Activity, Overrides, PetFacts, SulFormula, SuvConversion, SuvType, suv_ratio
from netlesion.suv.plausibility import body_mean_suvbw, body_mean_warning

QUANTITY = {
    SuvType.SUVBW: Quantity.SUVBW,
    SuvType.SUL: Quantity.SUL,
    SuvType.SUVBSA: Quantity.SUVBSA,
    SuvType.SUVIBW: Quantity.SUVIBW,
}


def series_to_suv(
    folder: str | Path,
    out: str | Path,
    suv_type: SuvType = SuvType.SUVBW,
    formula: SulFormula = SulFormula.JANMAHASATIAN,
    overrides: Overrides | None = None,
    number: int | None = None,
) -> dict[str, Any]:
    """Writes `out` and its provenance beside it; returns the facts (no date, no identity).

    number: which of several PET series, from 1. Raises DicomError or SuvError, naming the series or file, when it is
    not one quantifiable PET series.
    """
    out, watch, overrides = Path(out), Stopwatch(), overrides or Overrides()
    if not out.name.endswith((".nii", ".nii.gz")):
        raise ConfigError(f"{out}: expected a name that ends in .nii.gz or .nii")
    with watch.stage("read"):
        series, passed = one_series(folder, "PT", number)
        facts, conversion = series_facts(series, overrides)
        try:
            tracer = tracer_of_series(series)
            ratio, conversion = suv_ratio(suv_type, formula, facts, conversion)
        except NetlesionError as error:
            raise type(error)(f"{series.label}: {error}") from error
        suvbw = read_suvbw(series, conversion)
    body_mean = body_mean_suvbw(suvbw.array)
    warnings = [*passed, *conversion.warnings, *filter(None, [body_mean_warning(body_mean)])]
    suv = suvbw if ratio == 1.0 else suvbw.with_array(suvbw.array * ratio, QUANTITY[suv_type])
    report = {
        "suv_type": suv_type.value,
        "sul_formula": formula.value if suv_type is SuvType.SUL else None,
        "tracer": None if tracer is None else tracer.label,
        **conversion_record(facts, conversion),
        "suv_per_suvbw": ratio,
        "shape": list(suv.geometry.shape),
        "spacing_mm": list(suv.geometry.spacing_mm),
        "suvmax_cm2_per_ml" if suv_type is SuvType.SUVBSA else "suvmax_g_per_ml": float(suv.array.max()),
        "body_mean_suvbw_g_per_ml": body_mean,
        "overrides": overrides.given,
        "warnings": warnings,
    }
    with watch.stage("write"):
        write_volume(out, suv)
    with watch.stage("hash"):
        hashes = {f"file {n}": hash_file(path) for n, path in enumerate(series.files, start=1)}  # names may be a name
    sidecar = out.with_name(out.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    config = {"type": suv_type.value, "sul_formula": formula.value, **overrides.given}
    record = provenance(config=config, inputs=hashes, stopwatch=watch)
    write_json(sidecar, {"Units": suv.quantity.value, "suv": report, "provenance": record})
    return report


def conversion_record(facts: PetFacts, conversion: SuvConversion) -> dict[str, Any]:
    """What was found and which path was taken, for a side-car: no date, no identity."""
    factors = sorted(set(conversion.suvbw_factors))
    return {
        "nuclide": facts.nuclide,
        "units": facts.units,
        "suv_type_found": facts.suv_type,
        "decay_correction": facts.decay_correction,
        "path": conversion.path,
        "suvbw_per_voxel": factors[0] if len(factors) == 1 else {"min": factors[0], "max": factors[-1]},
        **_activity_record(conversion.activity),
        "no_activity": conversion.no_activity or None,
    }


def _activity_record(activity: Activity | None) -> dict[str, Any]:
    if activity is None:
        return {"ref_time_source": None}
    return {
        "weight_kg": activity.weight_kg,
        "dose_bq": activity.dose_bq,
        "decayed_dose_bq": activity.decayed_dose_bq,
        "half_life_s": activity.half_life_s,
        "elapsed_s": activity.elapsed_s,
        "injection_source": activity.injection_source,
        "ref_time_source": activity.ref_time_source,
        "suv_factor_g_per_ml_per_bq_per_ml": activity.factor,
    }
