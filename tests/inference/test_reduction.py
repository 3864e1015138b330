import torch

from netlesion.inference.plan import plan_windows
from netlesion.inference.reduction import lesion_logit
from netlesion.inference.sliding import sliding

LOGITS = torch.randn((2, 6, 3, 4, 5), generator=torch.Generator().manual_seed(0)) * 4


def logits(groups):
    reduction = lesion_logit(groups)
    return torch.stack([reduction.after(one) for one in reduction.before(LOGITS)])


def test_their_sigmoid_is_the_softmax_probability_of_lesion():
    found = logits([(slice(0, 4), (2, 3)), (slice(4, 6), (1,))])
    first = LOGITS[:, :4].softmax(1)[:, 2:].sum(1)
    second = LOGITS[:, 4:].softmax(1)[:, 1]
    assert torch.allclose(found.sigmoid(), torch.stack([first, second], dim=1), atol=1e-6)


def test_two_classes_each_are_one_channel_each_before_they_are_blended():
    groups = [(slice(0, 2), (1,)), (slice(2, 4), (0,)), (slice(4, 6), (1,))]
    assert lesion_logit(groups).before(LOGITS).shape[1] == 3
    wanted = torch.stack([LOGITS[:, 1] - LOGITS[:, 0], LOGITS[:, 2] - LOGITS[:, 3], LOGITS[:, 5] - LOGITS[:, 4]], 1)
    assert torch.equal(logits(groups), wanted)


def test_organs_follow_the_lesions_as_the_number_of_the_highest_logit():
    groups = [(slice(0, 2), (1,)), (slice(2, 4), (0,))]
    reduction = lesion_logit(groups, organs=slice(4, 6))
    found = torch.stack([reduction.after(one) for one in reduction.before(LOGITS)])
    assert torch.equal(found[:, :2], logits(groups))
    assert torch.equal(found[:, 2], (LOGITS[:, 5] > LOGITS[:, 4]).float())


def test_blended_odds_are_the_odds_of_blended_logits():
    torch.manual_seed(1)
    network = torch.nn.Conv3d(1, 4, 3, padding=1)
    image, plan = torch.randn(1, 11, 9, 23), plan_windows((11, 9, 23), (6, 5, 8), 0.5)
    with torch.inference_mode():
        every = sliding(image, plan, network)
        for groups in ([(slice(0, 2), (1,)), (slice(2, 4), (1,))], [(slice(0, 4), (1, 3))]):
            found = sliding(image, plan, network, reduction=lesion_logit(groups))
            for channel, (span, lesion) in zip(found, groups, strict=True):
                probability = every[span].softmax(0)[list(lesion)].sum(0)
                assert torch.allclose(channel.sigmoid(), probability, atol=1e-5)
