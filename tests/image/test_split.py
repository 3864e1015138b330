import json

import pytest

from netlesion.errors import CohortError, ConfigError
from netlesion.image.split import Split, draw_split, fold_split, folds_of, read_split, split_of

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


SPLIT = Split(tuple(f"p{n}" for n in range(11)), ("v0", "v1"), ("t0",))


def test_every_patient_outside_the_test_part_validates_in_one_fold(tmp_path):
    strata = {f"p{n}": "lesion-free" for n in range(0, 11, 2)}
    folds = folds_of(tmp_path / "f.json", SPLIT, 4, 3, lambda: strata)
    assert sorted(p for fold in folds for p in fold) == sorted(SPLIT.train + SPLIT.val)
    assert [len(fold) for fold in folds] == [4, 3, 3, 3]
    assert all(1 <= sum(p in strata for p in fold) <= 2 for fold in folds)
    for n in range(4):
        part = fold_split(SPLIT, folds, n)
        assert (part.val, part.test) == (folds[n], SPLIT.test)
        assert sorted(part.train + part.val) == sorted(SPLIT.train + SPLIT.val)
    assert folds_of(tmp_path / "f.json", SPLIT, 4, 99) == folds, "drawn once"


def test_folds_that_cannot_be_are_refused(tmp_path):
    for folds in (1, 14):
        with pytest.raises(ConfigError, match=f"splitting.folds is {folds}, expected 2 to 13"):
            folds_of(tmp_path / "f.json", SPLIT, folds, 0)
    drawn = folds_of(tmp_path / "f.json", SPLIT, 5, 0)
    with pytest.raises(ConfigError, match="fold is 5, expected 0 to 4"):
        fold_split(SPLIT, drawn, 5)
    for split, folds in ((SPLIT, 4), (Split(SPLIT.train, (), ("v0", "v1", "t0")), 5)):
        with pytest.raises(CohortError, match="remove the file to draw new ones"):
            folds_of(tmp_path / "f.json", split, folds, 0)
    (tmp_path / "f.json").write_text("[]")
    with pytest.raises(CohortError, match="not a file of folds"):
        folds_of(tmp_path / "f.json", SPLIT, 5, 0)
