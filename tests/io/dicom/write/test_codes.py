"""Every code that is written stands in pydicom's copy of the DICOM context groups, with the same meaning."""

from datetime import datetime

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.dicom.write.lesions import SITE_OF_REGION, LesionIdentity
from netlesion.io.dicom.write.pet import RADIOPHARMACEUTICALS, PetScan, write_pet_series
from netlesion.io.dicom.write.seg import write_segmentation


@pytest.fixture(scope="module")
def known():
    return {
        (code.value, code.scheme_designator, code.meaning.lower())
        for scheme in (codes.SCT, codes.DCM, codes.UMLS)
        for code in scheme.concepts.values()
    }


def written_codes(path):
    for element in pydicom.dcmread(path).iterall():
        if (
            element.VR == "SQ"
            and element.keyword.endswith("CodeSequence")
            or element.keyword == "AnatomicRegionSequence"
        ):
            yield from ((c.CodeValue, c.CodingSchemeDesignator, c.CodeMeaning.lower()) for c in element.value)


def test_codes_are_those_of_the_standard(tmp_path, exam, known):
    grid = Geometry(np.eye(4), (40, 3, 1))
    found = set()
    for label in RADIOPHARMACEUTICALS:
        scan = PetScan(label, 1e8, 4062.6, 3600.0, datetime(2020, 2, 28, 10))
        image = write_pet_series(Volume(np.ones(grid.shape), grid, Quantity.SUVBW), scan, exam, tmp_path / label)
        found.update(written_codes(image.files[0]))
    array = np.zeros(grid.shape, dtype=np.uint8)
    lesions = []
    for number, region in enumerate(SITE_OF_REGION, start=1):
        array[number] = number
        lesions.append(LesionIdentity(number, ("primary", "metastasis", None)[number % 3], region))
    seg = write_segmentation(Volume(array, grid, Quantity.LABEL), image, lesions, exam, tmp_path / "seg.dcm")
    found.update(written_codes(seg))
    assert len(found) > len(SITE_OF_REGION) + 10
    assert found - known == set()
