"""Every choice of every group builds what it names, from a user's configuration alone; nonsense is one line."""

from pathlib import Path

import pytest
import torch

from netlesion.cli.config import CONFIGS, card_of, compose, labels_of
from netlesion.cli.instantiate import (
    callbacks_of,
    instantiated,
    loggers_of,
    optimizer_of,
    options_of,
    scheduler_of,
    trainer_of,
)
from netlesion.errors import CheckpointError, ConfigError
from netlesion.models.card import ModelCard
from netlesion.predict.model import build_network

WEIGHT = [torch.nn.Parameter(torch.zeros(1))]


def choices(group):
    return sorted(p.stem for p in (CONFIGS / group).glob("*.yaml"))


def composed(*words):
    return compose("train", ["experiment=sts", *words])


@pytest.mark.parametrize("network", choices("network"))
def test_a_network_is_chosen_by_its_group(network):
    card = card_of(composed(f"network={network}"))
    with torch.device("meta"):
        assert sum(p.numel() for p in build_network(card).parameters()) > 10_000


@pytest.mark.parametrize("optimizer", choices("optimizer"))
@pytest.mark.parametrize("scheduler", choices("scheduler"))
def test_an_optimizer_and_its_learning_rate(optimizer, scheduler):
    config = composed(f"optimizer={optimizer}", f"scheduler={scheduler}", "optimizer.lr=0.5")
    made = optimizer_of(config)(WEIGHT)
    schedule = scheduler_of(config)(made, 100)
    rates = []
    for _ in range(100):
        rates.append(schedule.get_last_lr()[0])
        made.step()
        schedule.step()
    assert 0.49 < max(rates) <= 0.51
    assert min(rates) > 0
    assert rates[-1] == pytest.approx({"constant": 0.5, "polynomial": 0.5 * 0.01**0.9}.get(scheduler, 0.0), abs=2e-3)


@pytest.mark.parametrize("loss", choices("loss"))
@pytest.mark.parametrize("augmentation", choices("augmentation"))
def test_a_loss_and_an_augmentation(loss, augmentation):
    config = composed(f"loss={loss}", f"augmentation={augmentation}", "loss.dice_weight=2.5")
    card = card_of(config)
    assert instantiated(config, "loss", card.scheme, labels_of(config)).dice_weight == 2.5
    assert instantiated(config, "augmentation").mirror_axes == (0,)


@pytest.mark.parametrize("inference", choices("inference"))
def test_inference_is_what_the_group_says(inference):
    options = options_of(composed(f"inference={inference}", "inference.overlap=0.25"), "cpu")
    assert (options.device, options.overlap) == ("cpu", 0.25)
    assert options.flips == ((0,) if inference == "mirrored" else ())


@pytest.mark.parametrize("trainer", [t for t in choices("trainer") if t != "gpu"])
@pytest.mark.parametrize("callbacks", choices("callbacks"))
def test_callbacks_loggers_and_the_trainer(trainer, callbacks, tmp_path):
    words = (f"trainer={trainer}", f"callbacks={callbacks}", "logger=csv", f"runs_dir={tmp_path}")
    config = composed(*words, "trainer.accelerator=cpu")
    made = trainer_of(config, callbacks_of(config, has_validation=True), loggers_of(config))
    names = [type(c).__name__ for c in made.callbacks]
    assert ("EMAWeightAveraging" in names) == (callbacks == "ema")
    assert names[-2:] == ["ModelCheckpoint", "ModelCheckpoint"]
    assert len(callbacks_of(config, has_validation=False)) == len(callbacks_of(config, has_validation=True)) - 1
    assert list(tmp_path.iterdir()) == []


def test_a_callback_of_ones_own_is_one_more_entry(monkeypatch, tmp_path):
    config = composed("+callbacks.timer._target_=pytorch_lightning.callbacks.Timer", "callbacks.progress_bar=null")
    assert [type(c).__name__ for c in callbacks_of(config, has_validation=False)] == [
        "FreezeBatchNorm",
        "ModelCheckpoint",
        "Timer",
    ]


def build_all(config):
    card, labels = card_of(config), labels_of(config)
    optimizer_of(config)(WEIGHT)
    scheduler_of(config)
    instantiated(config, "loss", card.scheme, labels)
    augmentation = instantiated(config, "augmentation")
    instantiated(config, "data", None, None, card, labels, augmentation, cache=Path("c"), seed=0)
    trainer_of(config, callbacks_of(config, has_validation=True), [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["optimizer.lr=0"], r"optimizer\.lr is 0, expected above 0"),
        (["optimizer.lr=nan"], r"optimizer\.lr is nan"),
        (["optimizer.lr=fast"], r"optimizer\.lr is fast"),
        (["optimizer.lr=null"], r"optimizer\.lr is None"),
        (["optimizer.weight_decay=-1"], r"optimizer\.weight_decay is -1"),
        (["scheduler.warmup_fraction=2"], r"scheduler\.warmup_fraction is 2"),
        (["scheduler=polynomial", "scheduler.power=0"], r"scheduler\.power is 0"),
        (["loss.dice_weight=-1"], r"loss\.dice_weight is -1"),
        (["callbacks.freeze_norm.fraction=3"], r"callbacks\.freeze_norm\.fraction is 3"),
        (["augmentation.strength=7"], r"augmentation\.strength is 7"),
        (["trainer.precision=foo"], r"trainer: .*[Pp]recision"),
        (["trainer.accelerator=abacus"], r"trainer: .*accelerator"),
        (["+trainer.epochs=3"], r"trainer: .*epochs.*configs/trainer"),
        (["optimizer._target_=torch.optim.Adamm"], r"optimizer: torch\.optim\.Adamm cannot be made"),
        (["optimizer.betas=3"], r"betas"),
        (["+optimizer.speed=3"], r"optimizer: .*speed"),
        (["data.batch_size=0"], r"data\.batch_size is 0"),
        (["data.patches_per_visit=1000000000"], r"data\.patches_per_visit is 1000000000"),
        (["data.num_workers=-1"], r"data\.num_workers is -1"),
        (["data.lesion_fraction=0.9", "data.physiologic_fraction=0.9"], r"1 together at most"),
    ],
)
def test_what_cannot_be_meant_is_one_line(words, said):
    with pytest.raises(ConfigError, match=said) as refused:
        build_all(composed(*words))
    assert "\n" not in str(refused.value)


def test_a_model_card_names_no_constructor():
    """What a stranger's card holds is never called: `_target_` is no field of any of its parts."""
    card = card_of(composed()).to_dict()
    for stranger in (card | {"_target_": "os.system"}, card | {"network": {"_target_": "os.system"}}):
        with pytest.raises(CheckpointError, match="_target_"):
            ModelCard.from_dict(stranger)
    source = {p: p.read_text(encoding="utf-8") for p in CONFIGS.parent.joinpath("netlesion").rglob("*.py")}
    assert [p.name for p, text in source.items() if "hydra.utils" in text] == ["instantiate.py"]
