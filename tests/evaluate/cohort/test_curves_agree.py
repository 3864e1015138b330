"""From masks to a comparison: the curves of `compare` are those that `evaluate` wrote, to the last digit."""

import numpy as np
import pytest

from netlesion.evaluate.compare.comparison import compare_folders
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.io.nifti import write_volume
from netlesion.report.evaluation_folder import evaluate_folders

SHAPE, AFFINE = (11, 13, 9), np.diag([2.0, 3.0, 4.0, 1.0])
PLACES = (np.s_[1:4, 1:4, 1:4], np.s_[7:10, 1:4, 1:4], np.s_[1:4, 7:10, 5:8], np.s_[7:10, 8:11, 5:8])


def volume(quantity, pairs):
    array = np.zeros(SHAPE, np.float32 if quantity is Quantity.PROBABILITY else np.uint8)
    for place, value in pairs:
        array[place] = value
    return Volume(array, Geometry(AFFINE, SHAPE), quantity)


def test_curves_of_a_comparison_are_those_of_its_evaluations(tmp_path):
    """Six patients, two without lesion; scores so near 1 that six digits would make them equal."""
    rng = np.random.default_rng(3)
    for n in range(6):
        case = f"sub-{n}_trc-fdg"
        lesions = PLACES[:2] if n < 4 else ()
        write_volume(tmp_path / "reference" / f"{case}.nii.gz", volume(Quantity.LABEL, [(p, 1) for p in lesions]))
        for model, found in (("one", 0.8), ("other", 0.5)):
            called = [p for p in PLACES if rng.random() < found]
            scores = [(p, 1 - float(rng.integers(1, 40)) * 2.0**-24) for p in called]
            name = tmp_path / model / f"{case}_desc-lesions"
            write_volume(name.with_name(name.name + "_dseg.nii.gz"), volume(Quantity.LABEL, [(p, 1) for p in called]))
            write_volume(name.with_name(name.name + "_probseg.nii.gz"), volume(Quantity.PROBABILITY, scores))
    summaries = [
        evaluate_folders(tmp_path / "reference", tmp_path / model, tmp_path / f"of-{model}", workers=1)
        for model in ("one", "other")
    ]
    compared = compare_folders(tmp_path / "of-one", tmp_path / "of-other", tmp_path / "out")
    rows = {row["figure"]: row for row in compared["figures"]}
    for figure in ("froc_score", "jafroc"):
        for side, summary in zip("ab", summaries, strict=True):
            expected = summary["froc"][figure]
            assert expected["value"] is not None
            for key in ("value", "low", "high"):
                assert rows[figure][side][key] == pytest.approx(expected[key], abs=1e-12), (figure, side, key)
    assert rows["patient_auc"]["a"]["value"] == pytest.approx(summaries[0]["discrimination"]["patient_auc"]["value"])
    assert compared["not_compared"] == []
