"""nnU-Net on a machine and a time of ours: prepare, train and predict. Runs in nnU-Net's own environment.

    python -m bench.quality_nnunet prepare FOLDER
    python -m bench.quality_nnunet train FOLDER --minutes 60
    python -m bench.quality_nnunet predict FOLDER OUT

FOLDER holds nnU-Net's three folders (raw, preprocessed, results) with one data set whose labels are regions, sstr and
fdg. Fingerprint, planning, preprocessing, augmentation, loss, optimiser and schedule are nnU-Net's. What differs from
its defaults is what an expert would change for two cores: a configuration with fewer features and a smaller patch,
the largest of a list with which the minutes hold at least 1500 steps; and epochs of fewer iterations, so that its
schedule ends when the time is over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from netlesion.inference.malloc import reuse_freed_memory

DATASET, NAME = 901, "Dataset901_netlesion"
CONFIGURATION = "3d_budget"
FEATURES = [16, 32, 64, 128]
PATCHES = ([96, 80, 64], [80, 64, 64], [64, 64, 64], [64, 64, 48], [48, 48, 48])
BATCH, LEAST_STEPS, EPOCHS, VAL_STEPS = 2, 1500, 25, 4


def set_folders(folder: Path) -> None:
    """nnU-Net reads its folders when it is imported."""
    for name in ("raw", "preprocessed", "results"):
        os.environ[f"nnUNet_{name}"] = str(folder / name)
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("nnUNet_n_proc_DA", "1")


def prepare(folder: Path) -> None:
    """Fingerprint, plan and preprocessing by nnU-Net's own commands, and the configuration of this bench."""
    binaries = Path(sys.executable).parent
    for command in (
        ["nnUNetv2_extract_fingerprint", "-d", str(DATASET), "-np", "2"],
        ["nnUNetv2_plan_experiment", "-d", str(DATASET)],
        ["nnUNetv2_preprocess", "-d", str(DATASET), "-c", "3d_fullres", "-np", "2"],
    ):
        subprocess.run([str(binaries / command[0]), *command[1:]], check=True)
    split = folder / "split.json"
    (folder / "preprocessed" / NAME / "splits_final.json").write_text(
        split.read_text(encoding="utf-8"), encoding="utf-8"
    )
    set_patch(folder, PATCHES[-1])


def set_patch(folder: Path, patch: list[int]) -> None:
    """The configuration 3d_budget: 3d_fullres with these patches, two a batch, and a network of FEATURES."""
    path = folder / "preprocessed" / NAME / "nnUNetPlans.json"
    plans = json.loads(path.read_text(encoding="utf-8"))
    full = plans["configurations"]["3d_fullres"]
    architecture = json.loads(json.dumps(full["architecture"]))
    kwargs, stages = architecture["arch_kwargs"], len(FEATURES)
    kwargs |= {
        "n_stages": stages,
        "features_per_stage": FEATURES,
        "kernel_sizes": [[3, 3, 3]] * stages,
        "strides": [[1, 1, 1], *[[2, 2, 2]] * (stages - 1)],
        "n_conv_per_stage": [2] * stages,
        "n_conv_per_stage_decoder": [2] * (stages - 1),
    }
    plans["configurations"][CONFIGURATION] = {
        "inherits_from": "3d_fullres",
        "patch_size": patch,
        "batch_size": BATCH,
        "architecture": architecture,
    }
    path.write_text(json.dumps(plans, indent=1), encoding="utf-8")


def _trainer(folder: Path, epochs: int, steps: int):
    """nnU-Net's trainer that only has fewer epochs and iterations; its name stays, by which a prediction finds it."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer as Trainer

    class nnUNetTrainer(Trainer):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            self.num_epochs, self.num_iterations_per_epoch = epochs, steps
            self.num_val_iterations_per_epoch = VAL_STEPS

    base = folder / "preprocessed" / NAME
    plans = json.loads((base / "nnUNetPlans.json").read_text(encoding="utf-8"))
    dataset = json.loads((base / "dataset.json").read_text(encoding="utf-8"))
    return nnUNetTrainer(plans, CONFIGURATION, 0, dataset, device=torch.device("cpu"))


def seconds_a_step(folder: Path, patch: list[int]) -> float:
    """The median of five steps after two, loading and augmentation included."""
    set_patch(folder, patch)
    trainer = _trainer(folder, 1, 7)
    trainer.initialize()
    trainer.on_train_start()
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        trainer.train_step(next(trainer.dataloader_train))
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[2:]))


def train(folder: Path, minutes: float) -> None:
    """Trains for these minutes, the calibration not counted; writes folder/budget.json."""
    for patch in PATCHES:
        seconds = seconds_a_step(folder, patch)
        steps = int(60.0 * minutes / seconds * 0.95)
        print(f"patch {patch}: {seconds:.2f} s a step, {steps} steps in {minutes:g} minutes", flush=True)
        if steps >= LEAST_STEPS or patch == PATCHES[-1]:
            break
    trainer = _trainer(folder, EPOCHS, max(1, steps // EPOCHS))
    started = time.perf_counter()
    trainer.run_training()
    spent = (time.perf_counter() - started) / 60.0
    facts = {
        "patch": patch,
        "batch": BATCH,
        "features": FEATURES,
        "seconds_a_step": seconds,
        "steps": steps,
        "minutes": spent,
    }
    (folder / "budget.json").write_text(json.dumps(facts), encoding="utf-8")


def predict(folder: Path, out: Path) -> None:
    """Probabilities of the test cases, OUT/<case>.npz with `probabilities` (2, K, J, I), without mirroring."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), perform_everything_on_device=False)
    trained = folder / "results" / NAME / f"nnUNetTrainer__nnUNetPlans__{CONFIGURATION}"
    predictor.initialize_from_trained_model_folder(str(trained), (0,), "checkpoint_final.pth")
    predictor.predict_from_files(
        str(folder / "raw" / NAME / "imagesTs"),
        str(out),
        save_probabilities=True,
        num_processes_preprocessing=1,
        num_processes_segmentation_export=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("prepare", "train", "predict"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--minutes", type=float, default=60.0)
    given = parser.parse_args()
    folder = given.folder.resolve()
    set_folders(folder)
    reuse_freed_memory()
    if given.step == "prepare":
        prepare(folder)
    elif given.step == "train":
        train(folder, given.minutes)
    else:
        predict(folder, given.out)


if __name__ == "__main__":
    main()
