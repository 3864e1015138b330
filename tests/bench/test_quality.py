"""The queue of comparisons trains what the configurations of today can be asked for."""

import pytest

from bench.quality import SHARED, TRAININGS
from netlesion.cli.config import card_of, compose, labels_of, refuse_old_names


@pytest.mark.parametrize("name", TRAININGS)
def test_every_training_of_the_queue_composes(name):
    config = compose("train", [*SHARED, *TRAININGS[name], "cohort=c", "runs_dir=r", f"name={name}"])
    refuse_old_names(config)
    assert card_of(config).classes == {"sstr": ("background", "lesion"), "fdg": ("background", "lesion")}
    assert labels_of(config).desc == "binary"
