"""The queue of comparisons on digital patients: what each costs, and every one that has not been run yet, in order.

    python -m bench.quality --plan
    python -m bench.quality --run [--only NAME ...] [--minutes 60] [--folder bench_quality]

All trainings see the same 60 patients of one digital cohort (both tracers on one table position, CT), from random
weights, for the same minutes on this machine, and are tested on the same 20 others. The masks say lesion and nothing
more, and there is no organ map, so that nobody knows more than nnU-Net. A training that was stopped goes on by --run;
what is done is not done again. Every result lies in FOLDER/<name>/result.json with its command, machine, steps and
minutes; --plan shows those, too.

Candidates are cut at a probability of 0.2 for FROC, and at 0.5 for Dice, F1 and volumes. nnU-Net runs in an
environment of its own (`bench.nnunet_environment`), with malloc tuned as ours is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

SEED, TEST_FRACTION, VAL_FRACTION = 3101, 0.25, 0.075
THRESHOLDS = {"froc": 0.2, "masks": 0.5}
LESION = "[background,lesion]"
#: What every training of ours is given beside its own overrides: the labels that nnU-Net has, and no more.
SHARED = (
    "experiment=net",
    "channels=[sstr,fdg,ct]",
    "required_channels=[sstr,fdg,ct]",
    "required_any=[]",
    f"classes={{sstr:{LESION},fdg:{LESION}}}",
    "labels={desc:binary,values:{sstr:{0:[background],1:[lesion]},fdg:{0:[background],1:[lesion]}}}",
    "data.physiologic_fraction=0",
    "data.lesion_fraction=0.6",
    "augmentation.drop_tracer_prob=0",
    "logger=csv",
    "callbacks.progress_bar.refresh_rate=50",
)
#: Overrides of each training. The first is the reference that the others are compared with.
TRAININGS: dict[str, tuple[str, ...]] = {
    "netlesion": ("network.organs=0",),
    "unet": ("network=unet", "data.batch_size=2"),
    "mild": ("network.organs=0", "augmentation=mild"),
    "no_inserted_lesions": ("network.organs=0", "augmentation.inserted_lesions=0"),
    "no_lesion_sampling": ("network.organs=0", "data.lesion_fraction=0"),
    "no_dice": ("network.organs=0", "loss.dice_weight=0"),
    "no_frozen_norm": ("network.organs=0", "callbacks.freeze_norm.fraction=0"),
    "no_ema": ("network.organs=0", "callbacks=default"),
}


@dataclass(frozen=True)
class Queue:
    """Where the queue lies and how long each training lasts."""

    folder: Path
    minutes: float
    patients: int

    @property
    def cohort(self) -> Path:
        return self.folder / "cohort"

    @property
    def split_file(self) -> Path:
        return self.folder / "split.json"

    def make_cohort(self) -> None:
        """The patients and their split; organ maps and classes are taken away, `desc-binary` says lesion or not."""
        from netlesion.cli.demo import demo_settings
        from netlesion.image.split import draw_split
        from netlesion.image.volume import Quantity
        from netlesion.io.bids.cohort import open_cohort
        from netlesion.io.nifti import read_volume, write_volume
        from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort

        if self.split_file.is_file():
            return
        settings = replace(demo_settings(), spacing_mm=(4.0, 4.0, 4.0))
        make_cohort(self.cohort, CohortPlan(self.patients, SEED, settings=settings))
        for desc in ("organs", "classes", "physiologic", "mimics"):
            for path in self.cohort.rglob(f"*_desc-{desc}_*.nii.gz"):
                path.unlink()
        for path in self.cohort.rglob("*_desc-lesions_dseg.nii.gz"):
            instances = read_volume(path, Quantity.LABEL)
            binary = path.with_name(path.name.replace("desc-lesions", "desc-binary"))
            write_volume(binary, instances.with_array((instances.array > 0).astype("uint8"), Quantity.LABEL))
        patients = open_cohort(self.cohort).patient_ids
        split = draw_split(patients, VAL_FRACTION, TEST_FRACTION, 0)
        self.split_file.write_text(
            json.dumps({"train": split.train, "val": split.val, "test": split.test}), encoding="utf-8"
        )

    def train_ours(self, name: str) -> dict:
        """Trains by train.py for the minutes, infers the test part twice (for FROC, for masks)."""
        run = self.folder / name
        where = (f"cohort={self.cohort}", f"split_file={self.split_file}", f"runs_dir={run}", f"name={name}")
        words = (*SHARED, *TRAININGS[name], *where)
        split = json.loads(self.split_file.read_text(encoding="utf-8"))
        last, budget = run / name / "checkpoints" / "last.ckpt", run / "budget.json"
        resumed = ("ckpt_path=last",) if last.is_file() else ()
        run.mkdir(parents=True, exist_ok=True)
        if not budget.is_file():  # a training that was stopped keeps its schedule
            budget.write_text(json.dumps({"seconds_a_step": self._seconds_a_step(words)}), encoding="utf-8")
        seconds = json.loads(budget.read_text(encoding="utf-8"))["seconds_a_step"]
        steps = int(60.0 * self.minutes / seconds * 0.92)  # the rest is for validation
        an_epoch = max(1, len(split["train"]) * 8 // 3)
        epochs = max(1, round(steps / an_epoch))
        started = time.perf_counter()
        training = (f"trainer.max_epochs={epochs}", f"trainer.check_val_every_n_epoch={max(1, epochs // 3)}")
        call([sys.executable, "train.py", *words, *training, *resumed])
        spent = (time.perf_counter() - started) / 60.0
        for use, threshold in THRESHOLDS.items():
            call(
                [
                    *(
                        sys.executable,
                        "infer.py",
                        f"checkpoint={run / name / 'model.safetensors'}",
                        f"input={self.cohort}",
                    ),
                    *("split=test", f"split_file={self.split_file}", f"output={run / use}", "overwrite=true"),
                    *(f"inference.threshold={threshold}", "answers=false", "report=false"),
                ]
            )
        return {"seconds_a_step": seconds, "steps": epochs * an_epoch, "minutes": spent}

    def _seconds_a_step(self, words: Sequence[str]) -> float:
        """The difference of a training of 5 and one of 20 steps, loading and augmentation included."""
        spent = []
        for steps in (5, 20):
            started = time.perf_counter()
            trial = (
                f"runs_dir={self.folder / 'trial'}",
                "trainer.max_epochs=1",
                f"+trainer.limit_train_batches={steps}",
            )
            call([sys.executable, "train.py", *words, *trial, "+trainer.limit_val_batches=0"])
            spent.append(time.perf_counter() - started)
        shutil.rmtree(self.folder / "trial", ignore_errors=True)
        return max((spent[1] - spent[0]) / 15.0, 0.05)

    def train_nnunet(self, name: str) -> dict:
        """Exports the same patients, trains nnU-Net for the same minutes, and takes its probabilities as results."""
        from bench.nnunet_environment import nnunet_python

        python, folder = str(nnunet_python()), self.folder / name
        export_for_nnunet(self.cohort, json.loads(self.split_file.read_text(encoding="utf-8")), folder)
        step = [python, "-m", "bench.quality_nnunet"]
        if not (folder / "prepared").is_file():
            call([*step, "prepare", str(folder)])
            (folder / "prepared").touch()
        if not (folder / "budget.json").is_file():
            call([*step, "train", str(folder), "--minutes", str(self.minutes)])
        call([*step, "predict", str(folder), str(folder / "predicted")])
        results_of_nnunet(self.cohort, folder)
        return json.loads((folder / "budget.json").read_text(encoding="utf-8"))

    def evaluate(self, name: str) -> dict:
        """The figures that are compared, by `netlesion evaluate`, and the paired differences by `netlesion compare`."""
        figures: dict = {}
        for use in THRESHOLDS:
            evaluation = self.folder / name / f"evaluation_{use}"
            shutil.rmtree(evaluation, ignore_errors=True)
            netlesion(
                "evaluate", "--reference", self.cohort, "--prediction", self.folder / name / use, "--out", evaluation
            )
            figures[use] = json.loads((evaluation / "summary.json").read_text(encoding="utf-8"))
            first = self.folder / next(iter(TRAININGS)) / f"evaluation_{use}"
            if first != evaluation and first.is_dir():
                compared = self.folder / name / f"compare_{use}"
                shutil.rmtree(compared, ignore_errors=True)
                netlesion("compare", first, evaluation, "--out", compared)
        return figures


def export_for_nnunet(cohort: Path, split: dict, folder: Path) -> None:
    """raw/Dataset901 with the regions sstr and fdg: 1 sstr alone, 2 fdg alone, 3 both."""
    import numpy as np

    from bench.quality_nnunet import NAME
    from netlesion.datasets.nnunet_export import export_nnunet
    from netlesion.image.volume import Quantity
    from netlesion.io.bids.cohort import open_cohort
    from netlesion.io.nifti import read_volume, write_volume
    from netlesion.output.atomic import write_json

    raw, opened = folder / "raw" / NAME, open_cohort(cohort)
    if (raw / "regions").is_file():
        return
    export_nnunet(opened, raw, ("sstr", "fdg", "ct"), test_patients=split["test"])
    for files in opened.visits:
        for part in ("Tr", "Ts"):
            path = raw / f"labels{part}" / f"{files.visit_id}.nii.gz"
            if path.is_file():
                sstr = read_volume(path, Quantity.LABEL)
                fdg = read_volume(files.masks["fdg"]["lesions"], Quantity.LABEL)
                sstr.geometry.require_same_grid(fdg.geometry, "the DOTATATE mask", "the FDG mask")
                regions = (sstr.array > 0).astype(np.uint8) + 2 * (fdg.array > 0).astype(np.uint8)
                write_volume(path, sstr.with_array(regions, Quantity.LABEL))
    dataset = json.loads((raw / "dataset.json").read_text(encoding="utf-8"))
    dataset |= {"labels": {"background": 0, "sstr": [1, 3], "fdg": [2, 3]}, "regions_class_order": [1, 2]}
    write_json(raw / "dataset.json", dataset)
    visits = {part: [v.visit_id for v in opened.of_patients(split[part])] for part in ("train", "val")}
    write_json(folder / "split.json", [visits])
    (raw / "regions").touch()


def results_of_nnunet(cohort: Path, folder: Path) -> None:
    """Probabilities of nnU-Net -> masks and probability maps under the names that `netlesion evaluate` reads."""
    import numpy as np

    from netlesion.image.volume import Quantity
    from netlesion.io.bids.cohort import open_cohort
    from netlesion.io.bids.masks import LABEL_MAP, PROBABILITY
    from netlesion.io.nifti import read_volume, write_volume
    from netlesion.quantify.instances import extract

    for files in open_cohort(cohort).visits:
        path = folder / "predicted" / f"{files.visit_id}.npz"
        if not path.is_file():
            continue
        with np.load(path) as stored:
            probabilities = stored["probabilities"]
        for region, tracer in zip(probabilities, ("sstr", "fdg"), strict=True):
            reference = read_volume(files.masks[tracer]["lesions"], Quantity.LABEL)
            probability = reference.with_array(np.ascontiguousarray(region.T).astype(np.float32), Quantity.PROBABILITY)
            case = files.case_id(tracer)
            for use, threshold in THRESHOLDS.items():
                out = folder / use / files.visit_id
                write_volume(out / (case + PROBABILITY), probability)
                write_volume(out / (case + LABEL_MAP), extract(probability, threshold))


def call(command: Sequence[str]) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True)


def netlesion(*words: object) -> None:
    call([sys.executable, "-m", "netlesion.cli", *map(str, words)])


def entries(queue: Queue) -> dict[str, tuple[float, Callable[[str], dict]]]:
    """name -> (estimated hours, what runs it), in the order in which they are worked off."""
    hours = queue.minutes / 60.0
    found: dict[str, tuple[float, Callable[[str], dict]]] = {"netlesion": (hours + 0.15, queue.train_ours)}
    found["nnunet"] = (hours + 0.4, queue.train_nnunet)
    return found | {name: (hours + 0.15, queue.train_ours) for name in TRAININGS if name not in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--only", nargs="+", default=None)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--folder", type=Path, default=Path("bench_quality"))
    parser.add_argument("--patients", type=int, default=80)
    given = parser.parse_args()
    queue = Queue(given.folder.resolve(), given.minutes, given.patients)
    todo = {n: e for n, e in entries(queue).items() if given.only is None or n in given.only}
    if given.run:
        queue.make_cohort()
    for name, (hours, run) in todo.items():
        result = queue.folder / name / "result.json"
        done = result.is_file()
        if not done and given.run:
            facts = run(name)
            figures = queue.evaluate(name)
            facts |= {"name": name, "machine": f"{os.cpu_count()} cores, {platform.machine()}", "figures": figures}
            result.write_text(json.dumps(facts), encoding="utf-8")
            done = True
        print(f"{name:24} {'done' if done else 'to do':6} {hours:5.2f} h")


if __name__ == "__main__":
    main()
