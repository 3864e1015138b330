"""What is stored comes back; what is broken is named."""

import json

import numpy as np
import pytest

from netlesion.errors import CohortError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform
from netlesion.io.bids.transforms import (
    TransformFacts,
    frame_name,
    read_transform,
    remove_transform,
    transform_path,
    write_transform,
)

FACTS = TransformFacts("rigid", 0.1, 0.5, 0.7, 0.98)


@pytest.fixture
def path(tmp_path):
    return transform_path(tmp_path, "007", frame_name("ses-02"), frame_name("ses-01"))


def test_a_matrix_comes_back_bit_for_bit(path):
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    matrix[:3, 3] = (1 / 3, -2.5, 1e-7)
    write_transform(path, "ses02", "ses01", RigidTransform(matrix), FACTS)
    assert path.name == "sub-007_from-ses02_to-ses01_mode-image_xfm.json"
    assert np.array_equal(read_transform(path).matrix, matrix)
    assert json.loads(path.read_text())["Quality"]["inverse_consistency_mm"] == 0.7


def test_a_field_comes_back_and_gives_way_to_a_matrix(path):
    grid = Geometry(np.diag([-8.0, 8.0, 7.0, 1.0]), (5, 3, 7))
    vectors = np.random.default_rng(0).normal(size=(5, 3, 7, 3)).astype(np.float32)
    write_transform(path, "ses02", "ses01", DisplacementField(vectors, grid), FACTS)
    found = read_transform(path)
    assert np.array_equal(found.vectors, vectors)
    assert found.geometry.same_grid(grid)
    write_transform(path, "ses02", "ses01", RigidTransform(np.eye(4)), FACTS)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    remove_transform(path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not valid JSON"), ("[]", "JSON object"), ('{"Type": "rigid"}', "Matrix"), ('{"Type": "magic"}', "magic"),
     ('{"Type": "rigid", "Matrix": [[2,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}', "stretches"),
     ('{"Type": "field", "Field": "gone.nii.gz"}', "no such file")],
)  # fmt: skip
def test_a_broken_file_is_one_line_with_its_path(path, content, message):
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(CohortError, match=message) as error:
        read_transform(path)
    assert "\n" not in str(error.value)
    with pytest.raises(CohortError, match="netlesion register"):
        read_transform(path.with_name("absent.json"))
