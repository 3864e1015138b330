"""Infer: python infer.py experiment=sts input=COHORT output=RESULTS [split=test] [checkpoint=PATH]."""

import os
import sys

from netlesion.output.interrupt import end_in_one_line

if __name__ == "__main__":
    end_in_one_line()  # before imports that take seconds

import hydra  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: threads that wait must not spin on a shared machine


@hydra.main(config_path="configs", config_name="infer", version_base="1.3")
def main(config: DictConfig) -> None:
    from netlesion.cli.config import guarded
    from netlesion.cli.infer import infer

    guarded(infer, config)


if __name__ == "__main__":
    from netlesion.cli.renamed_keys import exit_on_renamed
    from netlesion.cli.utf8 import use_utf8

    use_utf8()
    exit_on_renamed(sys.argv[1:])
    main()
