"""One PET DICOM series -> SUVbw NIfTI with the facts of its conversion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from netlesion.atomic import write_json
from netlesion.errors import ConfigError, NetlesionError
from netlesion.io.dicom import index_folder, read_image, require_one
from netlesion.io.nifti import write_volume
from netlesion.io.pet_facts import pet_facts, tracer_label
from netlesion.provenance import Stopwatch, hash_file, provenance
from netlesion.suv import suvbw_conversion
from netlesion.volume import Quantity


def series_to_suv(folder: str | Path, out: str | Path, weight_kg: float | None = None) -> dict[str, Any]:
    """Writes `out` and its provenance beside it; returns the facts (no date, no identity).

    Raises DicomError or SuvError, naming the series or file, when it is not one quantifiable PET series.
    """
    out, watch = Path(out), Stopwatch()
    if not out.name.endswith((".nii", ".nii.gz")):
        raise ConfigError(f"{out}: expected a name that ends in .nii.gz or .nii")
    with watch.stage("read"):
        series = require_one(index_folder(folder), "PT", folder)
        facts = pet_facts(series)
        overrides = {} if weight_kg is None else {"weight_kg": weight_kg}
        try:
            conversion = suvbw_conversion(replace(facts, **overrides))
        except NetlesionError as error:
            raise type(error)(f"{series.label}: {error}") from error
        pet = read_image(series)
    suv = pet.with_array(pet.array * conversion.factor, Quantity.SUVBW)
    report = {
        "tracer": tracer_label(series),
        "nuclide": facts.nuclide,
        "units": facts.units,
        "decay_correction": facts.decay_correction,
        "weight_kg": conversion.weight_kg,
        "dose_bq": conversion.dose_bq,
        "decayed_dose_bq": conversion.decayed_dose_bq,
        "half_life_s": conversion.half_life_s,
        "elapsed_s": conversion.elapsed_s,
        "ref_time_source": conversion.ref_time_source,
        "suv_factor_g_per_ml_per_bq_per_ml": conversion.factor,
        "shape": list(suv.geometry.shape),
        "spacing_mm": list(suv.geometry.spacing_mm),
        "suvmax_g_per_ml": float(suv.array.max()),
        "overrides": overrides,
        "warnings": list(conversion.warnings),
    }
    with watch.stage("write"):
        write_volume(out, suv)
    with watch.stage("hash"):
        hashes = {path.name: hash_file(path) for path in series.files}
    sidecar = out.with_name(out.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    record = provenance(config={"weight_kg": weight_kg}, inputs=hashes, stopwatch=watch)
    write_json(sidecar, {"Units": Quantity.SUVBW.value, "suv": report, "provenance": record})
    return report
