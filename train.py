"""Train: python train.py experiment=sts [key=value ...] [ckpt_path=last]."""

import os
import sys

from netlesion.output.interrupt import end_in_one_line

if __name__ == "__main__":
    end_in_one_line()  # before imports that take seconds

import hydra  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that wait must not spin on a shared machine


@hydra.main(config_path="configs", config_name="train", version_base="1.3")
def main(config: DictConfig) -> None:
    from hydra.core.hydra_config import HydraConfig

    from netlesion.cli.config import guarded
    from netlesion.cli.train import train

    words = list(HydraConfig.get().overrides.task)
    guarded(lambda config: train(config, words), config)


if __name__ == "__main__":
    from netlesion.cli.renamed_keys import exit_on_renamed
    from netlesion.cli.utf8 import use_utf8

    use_utf8()
    exit_on_renamed(sys.argv[1:])
    main()
