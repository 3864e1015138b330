"""Do the programs still write what they wrote? Runs one small road from the phantom to the pages and hashes each step.

    python -m bench.same_outputs [--folder DIR] [--save FILE] [--compare FILE]

Two digital patients (8 mm), a DICOM study and its import, a validation, a short training, the inference of random
networks in three modes, an evaluation, a comparison and every page. What may differ from run to run is left out of
the hashes: times, memory, versions, host, commit, folders, and hashes of files that contain these. Prints a table and
one JSON line; --compare names every file whose content differs from that of an earlier --save, and exits with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
#: Keys of JSON files that say when, where and by what something was computed.
VOLATILE = {
    "generated_by", "seconds", "peak_memory_mb", "python", "platform", "packages", "inputs_sha256", "machine",
    "memory_gb", "checkpoint_sha256", "wall_time_s", "FrameOfReferenceHash", "fit_seconds",
    "git_commit",
}  # fmt: skip
TIMES = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?\S*|\b[0-9a-f]{40,64}\b|\b\d+(\.\d+)? ?(s|MB|GB)\b")
#: Files that hold a secret drawn anew, or nothing but times.
EXCLUDED = (".ckpt", ".csv", ".jsonl", ".lock", ".key.tsv", "netlesion/key.json")
SEED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep the outputs here; default: a temporary folder")
    parser.add_argument("--save", type=Path, help="write the hashes to this JSON file")
    parser.add_argument("--compare", type=Path, help="hashes that an earlier run saved")
    arguments = parser.parse_args()
    work = arguments.folder or Path(tempfile.mkdtemp(prefix="same_outputs_"))
    try:
        run(work.absolute())
        hashes = {
            str(path.relative_to(work)): content_hash(path, work.absolute())
            for path in sorted(work.rglob("*"))
            if path.is_file() and not path.as_posix().endswith(EXCLUDED)
        }
    finally:
        if arguments.folder is None:
            shutil.rmtree(work, ignore_errors=True)
    steps = sorted({name.split("/")[0] for name in hashes})
    for step in steps:
        part = {k: v for k, v in hashes.items() if k.split("/")[0] == step}
        print(f"{step:24}{len(part):5} files  {hashlib.sha256(json.dumps(part).encode()).hexdigest()[:16]}")
    if arguments.save:
        arguments.save.write_text(json.dumps(hashes, indent=1))
    different: list[str] = []
    if arguments.compare:
        before = json.loads(arguments.compare.read_text())
        different = sorted(k for k in {*before, *hashes} if before.get(k) != hashes.get(k))
        for name in different:
            state = "only before" if name not in hashes else "only now" if name not in before else "differs"
            print(f"{state}: {name}")
        print(f"{len(different)} of {len({*before, *hashes})} files differ")
    print(json.dumps({"files": len(hashes), "steps": steps, "different": different[:50]}))
    sys.exit(1 if different else 0)


def run(work: Path) -> None:
    """Every step, one after the other, in one process."""
    import torch

    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(work)
    _phantom(work)
    _import(work)
    _validate(work)
    models = _models(work)
    for mode, norm in (("exact", "instance"), ("crop", "instance"), ("stream", "batch")):
        _infer(work, mode, models[norm])
    _train(work)
    _evaluate(work)


def _phantom(work: Path) -> None:
    from netlesion.phantom.digital_cohort.bids import CohortPlan, make_cohort
    from netlesion.phantom.settings import PRESETS

    settings = replace(PRESETS["net-petct"], tracers_apart=False, spacing_mm=(6.0, 6.0, 6.0))
    make_cohort(work / "cohort", CohortPlan(2, SEED, settings=settings), workers=1)
    make_cohort(work / "dicom", CohortPlan(1, SEED, settings=settings, dicom=True), workers=1)


def _import(work: Path) -> None:
    from netlesion.datasets.dicom.importer import import_dicom

    import_dicom(work / "dicom", work / "imported", None, workers=1)


def _validate(work: Path) -> None:
    from netlesion.report.validation import write_validation
    from netlesion.validate.run import validate
    from netlesion.validate.visit import Expectations

    found = validate(work / "cohort", Expectations("any", "lesions"), (), 1, lambda visit: None)
    write_validation(work / "validation", found, {})


def _overrides(work: Path) -> list[str]:
    return [
        "experiment=demo", f"runs_dir={work / 'runs'}", f"cohort={work / 'cohort'}", f"seed={SEED}",
        "network=unet", "network.filters=[4,8,8]", "spacing_mm=[8,8,8]", "window=[16,16,16]", "fine_tune=null",
    ]  # fmt: skip


def _models(work: Path) -> dict[str, Path]:
    """Random networks, their output layer scaled so that lesions are found."""
    import torch

    from netlesion.cli.config import card_of, compose
    from netlesion.models.checkpoint import save_checkpoint
    from netlesion.predict.model import build_network

    paths = {}
    for norm in ("instance", "batch"):
        torch.manual_seed(SEED)
        card = card_of(compose("train", [*_overrides(work), f"network.norm={norm}"]))
        network = build_network(card).eval()
        weights = {k: v * 8.0 if "output_block" in k else v for k, v in network.state_dict().items()}
        paths[norm] = work / "models" / f"{norm}.safetensors"
        save_checkpoint(paths[norm], weights, card)
    return paths


def _infer(work: Path, mode: str, model: Path) -> None:
    from netlesion.cli.config import compose
    from netlesion.cli.infer import infer

    asked = [
        f"inference.mode={mode}", "inference.engine=torch", "inference.precision=fp32", "inference.memory_gb=4",
        f"inference.agreement={mode == 'crop'}", "device=cpu",
        f"checkpoint={model}", f"output={work / ('results_' + mode)}",
    ]  # fmt: skip
    assert infer(compose("infer", [*_overrides(work), *asked])) == 0


def _train(work: Path) -> None:
    """One epoch on one patient; the weights are hashed with those of the random networks."""
    from netlesion.cli.config import compose
    from netlesion.cli.train import train

    short = ["trainer.max_epochs=1", "trainer.accelerator=cpu", "data.patches_per_visit=2", "splitting.stratify=false"]
    shares = ["splitting.val_fraction=0", "splitting.test_fraction=0"]
    assert train(compose("train", [*_overrides(work), *short, *shares])) == 0


def _evaluate(work: Path) -> None:
    from netlesion.evaluate.compare.comparison import compare_folders
    from netlesion.report.comparison import write_comparison
    from netlesion.report.evaluation_folder import evaluate_folders

    for mode in ("exact", "crop"):
        evaluate_folders(work / "cohort", work / f"results_{mode}", work / f"evaluation_{mode}", seed=SEED, workers=1)
    out = work / "comparison"
    summary = compare_folders(
        work / "evaluation_exact",
        work / "evaluation_crop",
        out,
        reference_standard="consensus_multimodality",
        seed=SEED,
    )
    write_comparison(out / "compare.html", summary)


def content_hash(path: Path, work: Path) -> str:
    """sha256 of what a file says, without times, versions and places."""
    if path.name.endswith(".nii.gz"):
        import nibabel

        image = nibabel.load(path)
        payload = (
            np.asarray(image.dataobj).tobytes() + np.asarray(image.affine).tobytes() + bytes(str(image.shape), "ascii")
        )
    elif path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        payload = b"".join(k.encode() + v.tobytes() for k, v in sorted(load_file(path).items()))
    elif path.suffix == ".json":
        payload = _neutral(json.dumps(_settled(json.loads(path.read_text())), sort_keys=True), work).encode()
    elif path.suffix in (".tsv", ".html", ".txt", ".md", ""):
        try:
            payload = _neutral(path.read_text(), work).encode()
        except UnicodeDecodeError:
            payload = path.read_bytes()
    else:
        payload = path.read_bytes()
    return hashlib.sha256(payload).hexdigest()[:20]


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _settled(v) for k, v in value.items() if k not in VOLATILE}
    return [_settled(v) for v in value] if isinstance(value, list) else value


def _neutral(text: str, work: Path) -> str:
    return TIMES.sub("-", text.replace(str(work), "WORK"))


if __name__ == "__main__":
    main()
