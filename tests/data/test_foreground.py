"""Where patches are centred: small lesions and small organs as often as large ones."""

import numpy as np
import pytest

from netlesion.data.foreground import OF_AN_ORGAN, foreground_index
from netlesion.data.labels import IGNORE

SHAPE = (20, 18, 16)


def made(**changes):
    instance = np.zeros((1, *SHAPE), dtype=np.uint8)
    instance[0, :8, :8, :8], instance[0, 15, 15, 12:14] = 1, 2
    organ = np.full(SHAPE, 3, dtype=np.uint8)
    organ[10:], organ[19, 17, 15] = 4, 7
    given = {
        "pets": np.ones((1, *SHAPE), dtype=np.float32),
        "label": (instance > 0).astype(np.uint8),
        "instance": instance,
        "physiologic": np.zeros(SHAPE, dtype=bool),
        "organ": organ,
        "hosts": (3,),
    }
    return foreground_index(**given | changes), instance[0], organ


def test_each_lesion_and_each_organ_is_drawn_as_often_as_the_other():
    index, instance, organ = made()
    r = np.random.RandomState(0)
    lesions = [instance[tuple(index.draw(r, 1.0, 0.0))] for _ in range(400)]
    assert set(lesions) == {1, 2}
    assert abs(np.mean(np.array(lesions) == 2) - 0.5) < 0.08
    organs = [organ[tuple(index.draw(r, 0.0, 1.0))] for _ in range(400)]
    assert set(organs) == {4, 7}, "hosts are no organs"
    assert abs(np.mean(np.array(organs) == 7) - 0.5) < 0.08
    assert len(index.physiologic) == 2 * OF_AN_ORGAN


def test_without_an_organ_map_physiologic_uptake_is_where_labels_say_and_air_is_nowhere():
    hot, pets = np.zeros(SHAPE, dtype=bool), np.ones((1, *SHAPE), dtype=np.float32)
    hot[3, 4, 5], pets[:, :, 9:] = True, 0.0
    index, _, _ = made(physiologic=hot, pets=pets, organ=np.zeros(SHAPE, dtype=np.uint8))
    assert index.physiologic.tolist() == [[3, 4, 5]]
    assert index.body[:, 1].max() == 8


@pytest.mark.parametrize("known", [True, False])
def test_a_visit_without_lesions_or_without_labels_still_has_a_centre(known):
    label = np.full((1, *SHAPE), 0 if known else IGNORE, dtype=np.uint8)
    index, _, _ = made(instance=np.zeros((1, *SHAPE), dtype=np.uint8), label=label)
    assert index.draw(np.random.RandomState(0), 0.9, 0.05).shape == (3,)
