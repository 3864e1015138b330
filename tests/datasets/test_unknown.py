"""nnU-Net's ignore label stays unknown: in the cohort, in training, in evaluation, and on the way back to nnU-Net."""

import json

import numpy as np
import pytest

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.data.prepared import cache_key, prepare_visit
from netlesion.datasets.importer import import_listing
from netlesion.datasets.nnunet import list_nnunet
from netlesion.datasets.nnunet_export import export_nnunet
from netlesion.errors import ConfigError
from netlesion.evaluate.cohort.score import score_folders
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.nifti import read_volume, write_volume
from netlesion.models.card import ModelCard
from tests.small_images import PET_GRID, write_suv

LABELS = {"background": 0, "lesion": 1, "ignore": 2}
MEANING = LabelScheme("lesions", {"fdg": {0: ("background",), 1: ("lesion",)}})
CARD = ModelCard(
    ("fdg",), ("fdg",), {"fdg": ("background", "lesion")}, (4.0, 4.0, 3.0), (8, 8, 8), {"filters": [4, 8, 8]}
)
LESION, UNKNOWN, ELSEWHERE = np.s_[3:5, 2, 1:3], np.s_[6:9, 4:7, 3:5], np.s_[0:2, 5:7, 0:2]


def labels(*boxes):
    array = np.zeros(PET_GRID.shape, np.uint8)
    for box, value in boxes:
        array[box] = value
    return Volume(array, PET_GRID, Quantity.LABEL)


@pytest.fixture
def source(tmp_path):
    src = tmp_path / "Dataset1_X"
    write_suv(src / "imagesTr/p1_0000.nii.gz")
    write_volume(src / "labelsTr/p1.nii.gz", labels((LESION, 1), (UNKNOWN, 2)))
    content = {"channel_names": {"0": "fdg"}, "labels": LABELS, "numTraining": 1, "file_ending": ".nii.gz"}
    (src / "dataset.json").write_text(json.dumps(content))
    return src


@pytest.fixture
def cohort(source, tmp_path):
    assert import_listing(list_nnunet(source), tmp_path / "cohort").failures == ()
    return tmp_path / "cohort"


def test_the_ignore_label_takes_no_part_in_training(cohort):
    (files,) = open_cohort(cohort).visits
    label = prepare_visit(files, CARD, MEANING).label[0]
    expected = labels((LESION, 1), (UNKNOWN, IGNORE)).array
    axes, flips = PET_GRID.nearest_ras()
    assert np.array_equal(label, expected.transpose(axes)[tuple(slice(None, None, int(f)) for f in flips)])
    before = cache_key(files, CARD, MEANING)
    write_volume(files.masks["fdg"]["unknown"], labels())
    assert cache_key(files, CARD, MEANING) != before


def test_it_comes_back_from_an_export_as_the_ignore_label(cohort, source, tmp_path):
    export_nnunet(open_cohort(cohort), tmp_path / "raw", ["fdg"])
    assert json.loads((tmp_path / "raw/dataset.json").read_text())["labels"] == LABELS
    (path,) = (tmp_path / "raw/labelsTr").glob("*.nii.gz")
    assert np.array_equal(
        read_volume(path, Quantity.LABEL).array, read_volume(source / "labelsTr/p1.nii.gz", Quantity.LABEL).array
    )


@pytest.mark.parametrize("kind", ["cohort", "labelsTr"])
@pytest.mark.parametrize(
    ("predicted", "true", "false_positive"),
    [
        ((LESION,), 1, 0),
        ((LESION, UNKNOWN), 1, 0),
        ((UNKNOWN,), 0, 0),
        ((LESION, ELSEWHERE), 1, 1),
        ((LESION, np.s_[5:6, 3:4, 2:4], UNKNOWN), 1, 0),
        ((np.s_[3:9, 4:7, 4:5], LESION), 1, 0),
        ((np.s_[2:7, 5:6, 3:4], LESION), 1, 1),
    ],
    ids=[
        "lesion",
        "both",
        "unknown alone",
        "elsewhere",
        "from lesion into unknown",
        "half in unknown",
        "less than half",
    ],
)
def test_a_prediction_there_is_neither_right_nor_wrong(cohort, source, tmp_path, kind, predicted, true, false_positive):
    case = {"cohort": "sub-p1_ses-01_trc-fdg", "labelsTr": "p1"}[kind]
    write_volume(tmp_path / "predicted" / f"{case}.nii.gz", labels(*((box, 1) for box in predicted)))
    reference = cohort if kind == "cohort" else source / "labelsTr"
    ((result,), _, _) = score_folders(reference, tmp_path / "predicted")
    assert (result.num_lesions_reference, result.num_true_positives) == (1, true)
    assert result.num_false_positives == false_positive
    assert result.num_voxels_reference == 4
    assert any("voxels of unknown label take no part" in line for line in result.remarks)


def test_unknown_voxels_are_no_lesion(source):
    with pytest.raises(ConfigError, match="ignore label are unknown"):
        list_nnunet(source, lesions=("ignore",))
