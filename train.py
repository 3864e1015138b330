"""Train: python train.py experiment=sts [key=value ...] [ckpt_path=last]."""

import hydra
from omegaconf import DictConfig


@hydra.main(config_path="configs", config_name="train", version_base="1.3")
def main(config: DictConfig) -> None:
    from netlesion.config import guarded
    from netlesion.entry import train

    guarded(train, config)


if __name__ == "__main__":
    main()
