"""A side-car goes by the rules of a DICOM header: the true SUV of 8.0, or one line that names the field.

68Ga, 150 MBq in 70 kg, injected at 0 s, scanned from 3600 s for 150 s; the image holds the Bq/ml of SUV 8.
"""

import json
import math

import numpy as np
import pytest

from netlesion.datasets.importer import import_listing
from netlesion.datasets.table import list_table
from netlesion.errors import CohortError, NetlesionError
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.files import PetRecord, pet_sidecar
from netlesion.io.bids.pet import read_suv_image, suv_by_sidecar
from netlesion.io.nifti import write_volume

GRID = Geometry(np.diag([-4.0, 4.0, 3.0, 1.0]), (5, 4, 3))
RATE = math.log(2.0) / 4062.6
AT_INJECTION = 8.0 * 150e6 / 70_000.0
AT_SCAN = AT_INJECTION * math.exp(-RATE * 3600)
OVER_FRAME = AT_SCAN * (1 - math.exp(-RATE * 150)) / (RATE * 150)
SIDECAR = pet_sidecar(PetRecord("dotatate", "68Ga", 4062.6, 150e6, 70.0, 3600.0, 3600.0, "10:00:00", "series", 150.0))
NOT_CORRECTED = {"ImageDecayCorrected": False, "ImageDecayCorrectionTime": 0}

TABLE = (
    "patient\tsession\tchannel\tpath\tquantity\tweight_kg\tdose_bq\tnuclide\treference_s\tscan_start_s\n"
    "P1\t1\t{}\tpet.nii.gz\tbqml\t70\t150000000\t{}\t3600\t3600\n"
)

TRUE = {
    "to the scan": (AT_SCAN, {}),
    "to the injection": (AT_INJECTION, {"ImageDecayCorrectionTime": 0}),
    "not corrected": (OVER_FRAME, NOT_CORRECTED),
    "not corrected, one number": (OVER_FRAME, NOT_CORRECTED | {"FrameDuration": 150.0}),
    "time zero is the scan": (AT_SCAN, {"InjectionStart": -3600, "ScanStart": 0, "ImageDecayCorrectionTime": 0}),
    "dose in Bq": (AT_SCAN, {"InjectedRadioactivity": 150e6, "InjectedRadioactivityUnits": "Bq"}),
    "nuclide the other way round": (AT_SCAN, {"TracerRadionuclide": "Ga68"}),
    "half-life of the nuclide": (AT_SCAN, {"RadionuclideHalfLife": None}),
    "correction not named": (AT_SCAN, {"ImageDecayCorrected": ...}),
    "attenuation in words": (AT_SCAN, {"AttenuationCorrection": "[137Cs]transmission scan-based"}),
}


def volume(bqml: float) -> Volume:
    return Volume(np.full(GRID.shape, bqml), GRID, Quantity.BQML)


def changed(changes: dict) -> dict:
    return {name: value for name, value in (SIDECAR | changes).items() if value is not ...}


@pytest.mark.parametrize("name", TRUE)
def test_a_sidecar_that_can_be_true_gives_the_true_suv(tmp_path, name):
    bqml, changes = TRUE[name]
    path = tmp_path / "sub-1_trc-dotatate_pet.nii.gz"
    write_volume(path, volume(bqml))
    path.with_name("sub-1_trc-dotatate_pet.json").write_text(json.dumps(changed(changes)))
    assert read_suv_image(path).array.max() == pytest.approx(8.0, rel=1e-5)


REFUSED = {
    "no duration": (NOT_CORRECTED | {"FrameDuration": [0]}, "ImageDecayCorrected is false and FrameDuration is 0 s"),
    "no duration at all": (NOT_CORRECTED | {"FrameDuration": ...}, "FrameDuration is missing"),
    "several frames": (NOT_CORRECTED | {"FrameDuration": [60, 90]}, "FrameDuration has 2 frames"),
    "a word for the correction": ({"ImageDecayCorrected": "false"}, "ImageDecayCorrected is 'false'"),
    "another nuclide's half-life": ({"TracerRadionuclide": "F18", "TracerName": "x"}, "RadionuclideHalfLife is 4062.6"),
    "another tracer's nuclide": ({"TracerRadionuclide": "F18", "RadionuclideHalfLife": 6586.2}, "with 68Ga or 64Cu"),
    "no half-life": ({"TracerRadionuclide": "n/a", "RadionuclideHalfLife": "n/a"}, "RadionuclideHalfLife is missing"),
    "no attenuation correction": ({"AttenuationCorrection": "none"}, "AttenuationCorrection is none"),
    "words for no attenuation correction": ({"AttenuationCorrection": "NONE 0.096 cm-1"}, "AttenuationCorrection"),
    "dose in kBq": ({"InjectedRadioactivity": 150e3}, "InjectedRadioactivity is 150000 MBq"),
    "dose of a header in MBq": ({"InjectedRadioactivity": 150e-6}, "InjectedRadioactivity is 0.00015 MBq"),
    "dose in mCi": ({"InjectedRadioactivity": 4, "InjectedRadioactivityUnits": "mCi"}, "expected MBq or Bq"),
    "weight in grams": ({"PatientWeight": 70e3}, "PatientWeight is 70000 kg"),
    "weight as text": ({"PatientWeight": "70"}, "PatientWeight is '70'"),
    "injection after the scan": ({"InjectionStart": 3700}, "expected within 10 half-lives after InjectionStart"),
    "scan before the injection": (
        {"ScanStart": -60, "ImageDecayCorrectionTime": 0},
        "InjectionStart lies 0:01:00",
    ),
    "scan start of 23 days": ({"ScanStart": 1996747}, "ScanStart is 1.99675e+06"),
    "scan of another day": ({"ScanStart": 90000, "ImageDecayCorrectionTime": 90000}, "expected within 10 half-lives"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_sidecar_that_cannot_be_true_is_refused_in_its_own_words(tmp_path, name):
    changes, words = REFUSED[name]
    path = tmp_path / ("x_pet.nii.gz" if "TracerName" in changes else "sub-1_trc-dotatate_pet.nii.gz")
    with pytest.raises(CohortError) as refused:
        suv_by_sidecar(path, volume(AT_SCAN), changed(changes))
    line = str(refused.value)
    assert words in line, line
    assert (str(path) in line, "(00" in line, "\n" in line) == (True, False, False), line


def test_what_needs_a_second_look_is_said_in_words_of_the_sidecar(tmp_path):
    facts = {"TracerRadionuclide": "n/a", "ScanStart": 1200, "ImageDecayCorrectionTime": 1200}
    _, acquisition = suv_by_sidecar(tmp_path / "x_pet.nii.gz", volume(1.0), changed(facts))
    assert ["RadionuclideHalfLife" in line or "InjectionStart" in line for line in acquisition.warnings] == [True, True]
    assert "(00" not in "".join(acquisition.warnings)


def test_a_suv_that_no_tissue_has_is_refused(tmp_path):
    with pytest.raises(NetlesionError, match="SUVbw reaches 8000"):
        suv_by_sidecar(tmp_path / "sub-1_trc-dotatate_pet.nii.gz", volume(1000 * AT_SCAN), SIDECAR)


@pytest.mark.parametrize(
    ("label", "nuclide", "words"),
    [
        ("dotatate", "18F", "dotatate is made with 68Ga or 64Cu"),
        ("fdg", "68Ga", "fdg is made with 18F"),
        ("dotatoc", "64Cu", "dotatoc is made with 68Ga"),
        ("dotatate", "68Ga", ""),
        ("psma", "18F", ""),
    ],
)
def test_a_table_names_a_nuclide_that_the_tracer_is_made_with(tmp_path, label, nuclide, words):
    write_volume(tmp_path / "pet.nii.gz", volume(AT_SCAN))
    (tmp_path / "t.tsv").write_text(TABLE.format(label, nuclide))
    if words:
        with pytest.raises(CohortError, match=words):
            list_table(tmp_path / "t.tsv")
    else:
        assert list_table(tmp_path / "t.tsv").visits[0].pets[0].record.nuclide == nuclide


def test_a_table_cannot_bring_in_an_impossible_suv(tmp_path):
    write_volume(tmp_path / "pet.nii.gz", volume(1000 * AT_SCAN))
    (tmp_path / "t.tsv").write_text(TABLE.format("dotatate", "68Ga"))
    with pytest.raises(NetlesionError, match="SUVbw reaches 8000"):
        import_listing(list_table(tmp_path / "t.tsv"), tmp_path / "cohort")
    assert not list(tmp_path.glob("cohort/**/*.nii.gz"))
