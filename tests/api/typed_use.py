# pyright: strict
"""What a type checker knows of the public names in a user's program. It is checked by pyright and never run."""

from typing import assert_type

import numpy as np
from matplotlib.figure import Figure
from PIL.Image import Image

import netlesion as nl
from netlesion.io.bids.cohort import Cohort
from netlesion.io.bids.visit_files import VisitFiles
from netlesion.io.dicom.pet_image import DicomPet
from netlesion.predict.load import LoadedModel
from netlesion.predict.settings import InferenceOptions
from netlesion.predict.visit import TracerResult
from netlesion.quantify.row import LesionRow
from netlesion.quantify.table import LesionTable


def use(folder: str) -> None:
    cohort = assert_type(nl.open_cohort(folder), Cohort)
    files = assert_type(cohort[0], VisitFiles)
    visit = assert_type(files.load(), nl.Visit)
    pet = assert_type(nl.read_dicom_pet(folder), DicomPet)
    grid = nl.Geometry(np.eye(4), (4, 5, 6))
    volume = nl.Volume(np.zeros((4, 5, 6)), grid, nl.Quantity.SUVBW)
    nl.write_volume(folder, volume.with_array(volume.array > 4.0, nl.Quantity.LABEL))
    assert_type(nl.read_volume(folder, nl.Quantity.LABEL), nl.Volume)
    assert_type(nl.Visit.from_volumes({"fdg": volume, "ct": volume}), nl.Visit)
    try:
        model = assert_type(nl.load_model(), LoadedModel)
    except nl.NetlesionError:
        model = nl.load_model(["a.safetensors", "b.safetensors"], InferenceOptions(device="cpu"))
    assert_type(model.card.channels, tuple[str, ...])
    results = assert_type(model.predict(visit), dict[str, TracerResult])
    result = model.predict(pet, allow_untested=True).get("sstr", results["sstr"])
    assert_type(result.lesions, nl.Volume)
    assert_type(result.rows, LesionTable)
    assert_type(nl.measure(result.suv, result.lesions, result.probability), LesionTable)
    assert_type(result.rows[0], LesionRow)
    assert_type(result.rows[0].suvmax_g_per_ml, float)
    assert_type(nl.plot_mip(result), Figure | Image)
