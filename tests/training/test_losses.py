"""The marginal loss against hand-written sums, and what it must ignore."""

import pytest
import torch

from netlesion.data.labels import IGNORE, LabelScheme
from netlesion.errors import ConfigError
from netlesion.models.classes import ClassScheme
from netlesion.training.losses import MarginalDiceCrossEntropy

FOUR = ClassScheme({"sstr": ("background", "physiologic", "primary", "metastasis")})


def labels(**values):
    return LabelScheme("lesions", {"sstr": {int(k[1:]): v for k, v in values.items()}})


def test_four_known_classes_are_plain_cross_entropy_and_lesion_dice():
    torch.manual_seed(0)
    logits, label = torch.randn(2, 4, 3, 5, 7), torch.randint(0, 4, (2, 1, 3, 5, 7), dtype=torch.uint8)
    loss = MarginalDiceCrossEntropy(
        FOUR, labels(l0=("background",), l1=("physiologic",), l2=("primary",), l3=("metastasis",))
    )
    entropy = torch.nn.functional.cross_entropy(logits, label[:, 0].long())
    lesion = logits.softmax(1)[:, 2:].sum(1)
    target = (label[:, 0] >= 2).float()
    dice = 1 - 2 * (lesion * target).sum() / (lesion.sum() + target.sum())
    assert loss(logits, label).item() == pytest.approx((entropy + dice).item(), abs=1e-5)


def test_a_label_that_may_be_two_classes_sums_their_probabilities():
    torch.manual_seed(0)
    logits, label = torch.randn(1, 4, 2, 3, 5), torch.randint(0, 2, (1, 1, 2, 3, 5), dtype=torch.uint8)
    loss = MarginalDiceCrossEntropy(FOUR, labels(l0=("background", "physiologic"), l1=("lesion",)), dice_weight=0.0)
    p = logits.softmax(1)[0]
    expected = -torch.where(label[0, 0] == 1, p[2] + p[3], p[0] + p[1]).log().mean()
    assert loss(logits, label).item() == pytest.approx(expected.item(), abs=1e-5)


def test_which_lesion_class_takes_the_probability_does_not_matter_where_labels_cannot_tell():
    loss = MarginalDiceCrossEntropy(FOUR, labels(l0=("background",), l1=("lesion",)))
    label = torch.ones(1, 1, 2, 3, 5, dtype=torch.uint8)
    primary, metastasis = torch.zeros(1, 4, 2, 3, 5), torch.zeros(1, 4, 2, 3, 5)
    primary[:, 2], metastasis[:, 3] = 4.0, 4.0
    assert loss(primary, label).item() == pytest.approx(loss(metastasis, label).item(), abs=1e-6)


@pytest.mark.parametrize(
    "meanings",
    [{"l0": ("background",), "l1": ("lesion",)}, {"l0": ("background",), "l1": ("physiologic",), "l2": ("primary",)}],
)
def test_ignored_voxels_carry_no_gradient_and_all_ignored_is_zero(meanings):
    loss = MarginalDiceCrossEntropy(FOUR, labels(**meanings))
    logits = torch.randn(1, 4, 2, 3, 5, requires_grad=True)
    label = torch.zeros(1, 1, 2, 3, 5, dtype=torch.uint8)
    label[..., 0] = IGNORE
    loss(logits, label).backward()
    assert not logits.grad[..., 0].any()
    assert logits.grad[..., 1:].any()
    assert loss(logits, torch.full_like(label, IGNORE)).item() == 0.0


def test_a_better_prediction_costs_less():
    loss = MarginalDiceCrossEntropy(FOUR, labels(l0=("background",), l1=("lesion",)))
    label = torch.zeros(1, 1, 3, 3, 3, dtype=torch.uint8)
    label[0, 0, 1, 1, 1] = 1
    good = torch.zeros(1, 4, 3, 3, 3)
    good[:, 0], good[0, 0, 1, 1, 1], good[0, 2, 1, 1, 1] = 6.0, 0.0, 6.0
    assert loss(good, label) < loss(torch.zeros(1, 4, 3, 3, 3), label) < loss(-good, label)


def test_schemes_refuse_nonsense():
    with pytest.raises(ConfigError, match="'tumour'"):
        ClassScheme({"fdg": ("background", "tumour")})
    with pytest.raises(ConfigError, match="a lesion class"):
        ClassScheme({"fdg": ("background", "physiologic")})
    assert ClassScheme({"fdg": ("background", "lesion")}).allowed_classes("fdg", ("primary",)) == (False, True)
    assert ClassScheme({"fdg": ("background", "lesion")}).allowed_classes("fdg", ("physiologic",)) == (True, False)
