"""Files that are nobody's data are passed over by every source, and content that was not fetched is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from netlesion.datasets.autopet import list_autopet
from netlesion.datasets.deep_psma import list_deep_psma
from netlesion.datasets.hecktor import list_hecktor
from netlesion.datasets.nnunet import list_nnunet
from netlesion.errors import CohortError
from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.label_maps import find_label_maps
from netlesion.io.bids.masks import find_masks
from netlesion.io.files import visible
from netlesion.io.nifti import read_volume

TFM = (
    "#Insight Transform File V1.0\n#Transform 0\nTransform: Euler3DTransform_double_3_3\n"
    "Parameters: 0 0 0 0 0 0\nFixedParameters: 0 0 0 0\n"
)
SOURCES = {
    "cohort": (["sub-1/ses-01/pet/sub-1_ses-01_trc-fdg_pet.nii.gz"], lambda f: open_cohort(f).visits),
    "crops": (["a/PET_image.nii.gz", "a/CT_image.nii.gz", "a/PET_mask.nii.gz"], lambda f: open_cohort(f).visits),
    "masks": (["one.nii.gz", "two.nii"], find_masks),
    "results": (["v/sub-1_trc-fdg_desc-lesions_dseg.nii.gz"], find_masks),
    "organs": (["liver.nii.gz", "spleen.nii.gz"], lambda f: find_label_maps(f, ("liver", "spleen"))),
    "autopet": (["p/s/SUV.nii.gz", "p/s/SEG.nii.gz", "p/s/CT.nii.gz"], list_autopet),
    "autopet nnunet": (
        ["imagesTr/fdg_a_b_0000.nii.gz", "imagesTr/fdg_a_b_0001.nii.gz", "labelsTr/fdg_a_b.nii.gz"],
        list_autopet,
    ),
    "deep-psma": ([f"c/{t}/{n}.nii.gz" for t in ("PSMA", "FDG") for n in ("CT", "PET", "TTB")], list_deep_psma),
    "hecktor": (["imagesTr/A-1__PT.nii.gz", "imagesTr/A-1__CT.nii.gz", "labelsTr/A-1.nii.gz"], list_hecktor),
    "nnunet": (["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"], list_nnunet),
}


def _fill(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    for tracer in ("PSMA", "FDG"):
        if (folder / "c" / tracer).is_dir():
            (folder / "c" / tracer / "threshold.json").write_text('{"suv_threshold": 3.0}')
            (folder / "c" / tracer / "rigid.tfm").write_text(TFM)
    content = {"channel_names": {"0": "fdg"}, "labels": {"lesion": 1}, "numTraining": 1, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(content))


@pytest.mark.parametrize("source", SOURCES)
def test_hidden_litter_is_passed_over_by_every_source(tmp_path, source):
    names, listed = SOURCES[source]
    _fill(tmp_path, names)
    clean = repr(listed(tmp_path))
    for name in names:
        path = tmp_path / name
        for litter in ("._" + path.name, ".part-abc-" + path.name, ".DS_Store"):
            path.with_name(litter).write_bytes(b"Mac OS X")
        hidden = tmp_path / ".Trash" / name
        hidden.parent.mkdir(parents=True, exist_ok=True)
        hidden.write_bytes(b"")
    assert repr(listed(tmp_path)) == clean


def test_no_folder_holds_nothing(tmp_path):
    assert visible(tmp_path / "absent", "*.nii") == []


@pytest.mark.parametrize("name", ["CT_image.nii.gz", "PET_mask.nii.gz", "PET_image.nii.gz"])
def test_content_that_was_not_fetched_is_no_absent_channel(tmp_path, name):
    _fill(tmp_path, SOURCES["crops"][0])
    (tmp_path / "a" / name).unlink()
    (tmp_path / "a" / name).symlink_to("../.git/annex/objects/gone")
    with pytest.raises(CohortError, match=rf"{name}: a link whose target is missing; fetch"):
        open_cohort(tmp_path)
    with pytest.raises(CohortError, match=rf"{name}: a link whose target is missing; fetch"):
        find_masks(tmp_path)
    with pytest.raises(CohortError, match="a link whose target is missing"):
        read_volume(tmp_path / "a" / name, Quantity.HU)


@pytest.mark.parametrize(
    "content", [b"/annex/objects/MD5E-s1--0.nii.gz\n", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_a_pointer_is_not_the_file_it_points_to(tmp_path, content):
    (tmp_path / "x.nii.gz").write_bytes(content)
    with pytest.raises(CohortError, match="not the file itself; fetch its content"):
        read_volume(tmp_path / "x.nii.gz", Quantity.HU)


def test_a_float_mask_that_was_saved_as_scaled_integers_is_a_mask(tmp_path):
    import nibabel

    array = np.zeros((3, 5, 7))
    array[1, 2, 3] = 1
    for kind in (np.uint8, np.int16):
        image = nibabel.Nifti1Image(array, np.diag([2.0, 3.0, 4.0, 1.0]))
        image.set_data_dtype(kind)
        image.to_filename(tmp_path / "mask.nii.gz")
        assert read_volume(tmp_path / "mask.nii.gz", Quantity.LABEL).array.tolist() == array.tolist()
