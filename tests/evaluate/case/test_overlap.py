import numpy as np
import pytest

from netlesion.errors import GeometryError
from netlesion.evaluate.case.overlap import dice, foreground_box, label_overlap

SHAPE = (5, 7, 3)


def naive_iou(reference, prediction):
    """(reference label, prediction label) -> IoU, one whole-volume comparison for each pair."""
    table = {}
    for g in set(reference.ravel().tolist()) - {0}:
        for p in set(prediction.ravel().tolist()) - {0}:
            shared = int(((reference == g) & (prediction == p)).sum())
            if shared:
                table[g, p] = shared / int(((reference == g) | (prediction == p)).sum())
    return table


def as_table(overlap):
    rows, columns = overlap.pairs_N2.T
    ids_g, ids_p = overlap.reference_ids[rows].tolist(), overlap.prediction_ids[columns].tolist()
    return dict(zip(zip(ids_g, ids_p, strict=True), overlap.iou_N.tolist(), strict=True))


def test_dice_of_two_voxels_against_three_with_one_shared_is_two_fifths():
    reference, prediction = np.zeros(SHAPE), np.zeros(SHAPE)
    reference[0, 0, :2] = 1
    prediction[0, 0, 1] = prediction[4, 6, 1:] = 1
    assert dice(reference, prediction) == 2 / 5


def test_dice_of_empty_masks():
    empty, voxel = np.zeros(SHAPE), np.zeros(SHAPE)
    voxel[4, 6, 2] = 1
    assert dice(empty, empty) == 1.0
    assert dice(empty, voxel) == dice(voxel, empty) == 0.0
    assert dice(voxel, voxel) == 1.0


def test_dice_takes_any_label_as_foreground():
    reference = np.zeros(SHAPE, dtype=np.uint8)
    reference[1, 2] = (1, 2, 255)
    assert dice(reference, reference > 0) == 1.0


@pytest.mark.filterwarnings("ignore")
def test_dice_agrees_with_monai():
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(0)
    masks = rng.random((6, 2, *SHAPE)) < rng.random((6, 1, 1, 1, 1))
    masks[0] = False
    masks[1, 0] = False
    monai = metrics.DiceMetric(include_background=True, reduction="none", ignore_empty=False)
    expected = monai(torch.tensor(masks[:, 1][:, None]).float(), torch.tensor(masks[:, 0][:, None]).float())
    assert [dice(g, p) for g, p in masks] == pytest.approx(expected.ravel().tolist(), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("background", [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.5, 0.9)])
def test_pairs_agree_with_the_naive_twin(seed, background):
    rng = np.random.default_rng(seed)
    reference, prediction = rng.choice([2, 3, 70000], size=(2, *SHAPE)).astype(np.uint32)
    reference[rng.random(SHAPE) < background[0]] = 0
    prediction[rng.random(SHAPE) < background[1]] = 0
    overlap = label_overlap(reference, prediction)
    assert as_table(overlap) == pytest.approx(naive_iou(reference, prediction))
    for ids, sizes, labels in (
        (overlap.reference_ids, overlap.reference_voxels, reference),
        (overlap.prediction_ids, overlap.prediction_voxels, prediction),
    ):
        assert {int(i): int(n) for i, n in zip(ids, sizes, strict=True)} == {
            i: int((labels == i).sum()) for i in set(labels.ravel().tolist()) - {0}
        }


def test_empty_maps_have_no_ids_and_no_pairs():
    empty, voxel = np.zeros(SHAPE, dtype=np.uint8), np.zeros(SHAPE, dtype=np.uint8)
    voxel[0, 0, 0] = 4
    both = label_overlap(empty, empty)
    assert len(both.reference_ids) == len(both.prediction_ids) == len(both.pairs_N2) == len(both.iou_N) == 0
    one = label_overlap(empty, voxel)
    assert (len(one.reference_ids), one.prediction_ids.tolist(), len(one.pairs_N2)) == (0, [4], 0)


def test_the_box_holds_both_masks_and_no_more():
    reference, prediction = np.zeros((7, 11, 5)), np.zeros((7, 11, 5))
    reference[2, 10, 1] = 1
    prediction[4, 3, 1] = 1
    assert foreground_box(reference, prediction) == (slice(2, 5), slice(3, 11), slice(1, 2))
    assert foreground_box(prediction * 0, reference * 0) == (slice(0, 1),) * 3


@pytest.mark.parametrize("function", [dice, label_overlap, foreground_box])
def test_shapes_are_not_broadcast(function):
    with pytest.raises(GeometryError, match=r"shape \(5, 7, 3\) and the prediction \(5, 7, 1\)"):
        function(np.ones((5, 7, 3)), np.ones((5, 7, 1)))
