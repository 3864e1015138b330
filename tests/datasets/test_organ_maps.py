"""Organ maps for a cohort of one small session, by programs that are not installed here: scripts of a few lines."""

import json
import os
import stat
import sys

import numpy as np
import pytest

from netlesion.cli.main import app
from netlesion.datasets.organ_maps import map_organs
from netlesion.datasets.segmenters import SEGMENTERS
from netlesion.errors import ConfigError
from netlesion.image.transform import RigidTransform
from netlesion.image.volume import Quantity, Volume
from netlesion.io.bids.label_maps import read_named_map
from netlesion.io.bids.transforms import TransformFacts, frame_name, transform_path, write_transform
from netlesion.io.nifti import write_volume
from tests.small_images import CT_GRID, PET_GRID, write_ct, write_suv

KNOWN = ("liver", "spleen", "vertebrae_L1", "bladder", "vertebra_L1")
#: What TotalSegmentator does with `-i IMAGE -o FOLDER --task total`: one file for each organ, on the image's grid.
TOTAL = """
import sys, nibabel, numpy, pathlib
image, out, task = (sys.argv[sys.argv.index(a) + 1] for a in ("-i", "-o", "--task"))
assert task == "total", task
image, out = nibabel.load(image), pathlib.Path(out)
out.mkdir()
for n, name in enumerate(("liver", "spleen", "vertebrae_L1", "an_organ_of_a_later_version")):
    mask = numpy.zeros(image.shape, numpy.uint8)
    mask[4 * n : 4 * n + 4] = n < 2 or n == 3
    nibabel.save(nibabel.Nifti1Image(mask, image.affine), out / (name + ".nii.gz"))
"""
#: What MOOSE does with `-d FOLDER -m MODELS`: a map and a table of its labels for each model, in a folder of the day.
MOOSE = """
import sys, nibabel, numpy, pathlib, json
folder, models = pathlib.Path(sys.argv[sys.argv.index("-d") + 1]), sys.argv[sys.argv.index("-m") + 1 :]
assert "clin_ct_organs" in models and "clin_ct_vertebrae" in models
(path,) = folder.glob("*/CT_*.nii.gz")
image = nibabel.load(path)
out = path.parent / "moosez-2026-01-01-00-00-00" / "segmentations"
out.mkdir(parents=True)
for region, names, first in (("vertebrae", ["vertebra_L1"], 2), ("organs", ["liver", "bladder"], 0)):
    mask = numpy.zeros(image.shape, numpy.uint8)
    for n, name in enumerate(names):
        mask[4 * (first + n) - 2 * (region == "vertebrae") : 4 * (first + n) + 4] = n + 1
    nibabel.save(nibabel.Nifti1Image(mask, image.affine), out / f"clin_CT_{region}_segmentation_{path.name}")
    table = {str(n + 1): {"name": name} for n, name in enumerate(names)}
    (out / f"clin_CT_{region}_organ_indices.json").write_text(json.dumps({"organ_indices": table}))
"""


def program(folder, name, text):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    root = tmp_path / "cohort"
    given = (
        root / "derivatives" / "netlesion" / "sub-01" / "ses-1" / "pet" / "sub-01_ses-1_trc-fdg_desc-suvbw_pet.nii.gz"
    )
    write_suv(given)
    facts = {"Units": "g/mL", "SUVConvention": {"TakenAs": "SUVbw", "ComputedBy": "test"}}
    given.with_name(given.name.replace(".nii.gz", ".json")).write_text(json.dumps(facts))
    write_ct(root / "sub-01" / "ses-1" / "ct" / "sub-01_ses-1_ct.nii.gz")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return root


def found_map(cohort):
    (path,) = cohort.rglob("*trc-fdg_desc-organs_dseg.nii.gz")
    found = read_named_map(path)
    return np.vectorize(lambda n: found.names.get(n, ""))(found.volume.array), found


def test_totalsegmentators_organs_are_laid_on_the_pets_grid(cohort, tmp_path):
    program(tmp_path / "bin", "TotalSegmentator", TOTAL)
    (outcome,) = map_organs(cohort, KNOWN, SEGMENTERS["totalsegmentator"], None, False, lambda o: None)
    assert outcome.line() == "sub-01_ses-1: written (2 organs on ct)"
    names, found = found_map(cohort)
    assert found.volume.geometry.same_grid(PET_GRID)
    for place in np.argwhere(np.ones(PET_GRID.shape, bool)):
        i = int(np.rint(CT_GRID.to_index(PET_GRID.to_world(place[None])))[0, 0])
        assert names[tuple(place)] == ("liver" if i < 4 else "spleen" if i < 8 else ""), place
    assert sorted(found.names.values()) == ["liver", "spleen"]  # an empty organ and one that nobody knows have no label


def test_mooses_models_become_one_map(cohort, tmp_path):
    program(tmp_path / "bin", "moosez", MOOSE)
    (outcome,) = map_organs(cohort, KNOWN, SEGMENTERS["moose"], None, False, lambda o: None)
    assert outcome.line() == "sub-01_ses-1: written (3 organs on ct)"
    names, found = found_map(cohort)
    assert set(found.names.values()) == {"liver", "bladder", "vertebra_L1"}
    i = np.rint(CT_GRID.to_index(PET_GRID.to_world(np.argwhere(np.ones(PET_GRID.shape, bool)))))[:, 0].astype(int)
    expected = np.select([i < 4, i < 6, i < 12], ["liver", "bladder", "vertebra_L1"], "")  # bones over organs
    assert np.array_equal(names.ravel(), expected)


def test_a_map_that_is_there_is_kept_unless_it_is_to_be_made_anew(cohort, tmp_path):
    program(tmp_path / "bin", "TotalSegmentator", TOTAL)
    arguments = (cohort, KNOWN, SEGMENTERS["totalsegmentator"], None)
    assert [map_organs(*arguments, again, lambda o: None)[0].status for again in (False, False, True)] == [
        "written",
        "kept",
        "written",
    ]


def test_a_stored_transform_takes_the_pet_to_the_ct(cohort, tmp_path):
    """The CT lies 4 mm further to the right, which is two of its voxels."""
    program(tmp_path / "bin", "TotalSegmentator", TOTAL)
    shift = np.eye(4)
    shift[0, 3] = 4.0
    path = transform_path(cohort / "derivatives" / "netlesion", "01", frame_name("ses-1", "ct"), frame_name("ses-1"))
    write_transform(path, "ct", "pet", RigidTransform(shift), TransformFacts("rigid", 0.5, 1.0, 0.1, 1.0))
    map_organs(cohort, KNOWN, SEGMENTERS["totalsegmentator"], None, False, lambda o: None)
    names, _ = found_map(cohort)
    x = PET_GRID.to_world(np.argwhere(np.ones(PET_GRID.shape, bool)))[:, 0]
    i = np.rint((x + 4.0 + 13.0) / 2.0)
    assert np.array_equal(names.ravel(), np.select([(i >= 0) & (i < 4), (i >= 4) & (i < 8)], ["liver", "spleen"], ""))


def test_maps_made_elsewhere_are_taken_by_the_sessions_name(cohort, tmp_path):
    maps = tmp_path / "maps"
    labels = np.zeros(CT_GRID.shape, np.uint8)
    labels[:4] = 7
    write_volume(maps / "sub-01_ses-1.nii.gz", Volume(labels, CT_GRID, Quantity.LABEL))
    (maps / "labels.tsv").write_text("index\tname\n7\tliver\n")
    (outcome,) = map_organs(cohort, KNOWN, None, maps, False, lambda o: None)
    assert outcome.status == "written"
    assert set(found_map(cohort)[1].names.values()) == {"liver"}
    (refused,) = map_organs(cohort, KNOWN, None, tmp_path, True, lambda o: None)
    assert refused.status == "refused"
    assert "sub-01_ses-1.nii.gz" in refused.reason


def test_a_program_that_fails_refuses_its_session_in_one_line(cohort, tmp_path):
    program(tmp_path / "bin", "TotalSegmentator", "import sys; sys.exit('Download of the weights failed')")
    (outcome,) = map_organs(cohort, KNOWN, SEGMENTERS["totalsegmentator"], None, False, lambda o: None)
    assert outcome.status == "refused"
    assert "failed with status 1 (Download of the weights failed)" in outcome.reason
    assert list(cohort.rglob("*organs*")) == []


def test_a_program_that_is_not_installed_is_named(cohort):
    with pytest.raises(ConfigError, match="TotalSegmentator is not installed.*--maps"):
        map_organs(cohort, KNOWN, SEGMENTERS["totalsegmentator"], None, False, lambda o: None)


def test_the_verb_counts_and_leaves_status_1_where_a_session_is_refused(cohort, tmp_path):
    from typer.testing import CliRunner

    program(tmp_path / "bin", "TotalSegmentator", TOTAL)
    done = CliRunner().invoke(app, ["organs", str(cohort)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "1 written, 0 kept, 0 refused")
    done = CliRunner().invoke(app, ["organs", str(cohort), "--maps", str(tmp_path), "--overwrite"])
    assert (done.exit_code, done.output.splitlines()[-1]) == (1, "0 written, 0 kept, 1 refused")
    assert isinstance(CliRunner().invoke(app, ["organs", str(cohort), "--by", "x"]).exception, ConfigError)
