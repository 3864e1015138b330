import json

import pytest

from netlesion.errors import CohortError, ConfigError
from netlesion.image.split import Split, draw_split, read_split, split_of

PATIENTS = [f"STS_{n:03d}" for n in range(1, 21)]
DRAWING = {"val_fraction": 0.15, "test_fraction": 0.25, "seed": 0, "always_test": ("STS_001",)}


def test_shares_disjoint_complete_and_the_fixed_patient_in_the_test():
    split = draw_split(PATIENTS, **DRAWING)
    assert (len(split.train), len(split.val), len(split.test)) == (12, 3, 5)
    assert sorted(split.part("all")) == PATIENTS
    assert "STS_001" in split.test


@pytest.mark.parametrize("seed", range(20))
def test_the_fixed_patient_is_in_the_test_whatever_the_seed(seed):
    assert "STS_001" in draw_split(PATIENTS, **DRAWING | {"seed": seed}).test


def test_the_order_of_the_patients_does_not_matter_and_the_seed_does():
    assert draw_split(PATIENTS[::-1], **DRAWING) == draw_split(PATIENTS, **DRAWING)
    assert draw_split(PATIENTS, **DRAWING | {"seed": 1}) != draw_split(PATIENTS, **DRAWING)


def test_a_split_is_drawn_once(tmp_path):
    first = split_of(tmp_path / "s.json", PATIENTS, **DRAWING)
    again = split_of(tmp_path / "s.json", PATIENTS, **DRAWING | {"seed": 5})
    assert first == again
    assert json.loads((tmp_path / "s.json").read_text())["seed"] == 0


def test_a_new_patient_must_be_placed_by_hand(tmp_path):
    split_of(tmp_path / "s.json", PATIENTS, **DRAWING)
    with pytest.raises(CohortError, match="STS_099"):
        split_of(tmp_path / "s.json", [*PATIENTS, "STS_099"], **DRAWING)


def test_one_patient_in_two_parts_is_refused(tmp_path):
    with pytest.raises(CohortError, match="patient b is in train and in test"):
        Split(("a", "b"), (), ("b",))
    (tmp_path / "s.json").write_text('{"train": ["a"], "val": ["a"], "test": []}')
    with pytest.raises(CohortError, match="patient a"):
        read_split(tmp_path / "s.json")


def test_a_broken_file_an_unknown_part_and_impossible_shares(tmp_path):
    (tmp_path / "s.json").write_text("[]")
    with pytest.raises(CohortError, match="not a split file"):
        read_split(tmp_path / "s.json")
    with pytest.raises(CohortError, match="no such split file"):
        read_split(tmp_path / "t.json")
    with pytest.raises(ConfigError, match="'dev'"):
        Split(("a",), (), ()).part("dev")
    with pytest.raises(ConfigError, match="leave patients"):
        draw_split(PATIENTS, 0.5, 0.5, 0)
