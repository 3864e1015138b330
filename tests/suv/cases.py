"""One facts of a plain acquisition, to be changed by each test: 68Ga, injected at 10:00, scanned at 11:00."""

from dataclasses import replace
from datetime import datetime, time

from netlesion.suv import Frame, PetFacts

DAY = (2024, 3, 14)
FRAME = Frame(datetime(*DAY, 11, 0), 180.0, 90.0)
GALLIUM = PetFacts(
    units="BQML",
    decay_correction="START",
    corrected_image=("DECY", "ATTN"),
    weight_kg=70.0,
    dose_bq=150e6,
    half_life_s=4062.6,
    nuclide="68Ga",
    injection_datetime=None,
    injection_time=time(10, 0),
    series_datetime=datetime(*DAY, 11, 0),
    frames=(FRAME,),
    patient_size=1.75,
    sex="M",
    manufacturer="SIEMENS",
)
FLUORINE = replace(GALLIUM, nuclide="18F", half_life_s=6586.2)


def with_frame(facts: PetFacts, **changes) -> PetFacts:
    """The facts with another single frame."""
    return replace(facts, frames=(replace(facts.frames[0], **changes),))
