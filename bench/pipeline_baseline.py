"""One candidate of bench.pipeline: keeps its network ready and takes visits from NIfTI to a lesion table.

    python -m bench.pipeline_baseline netlesion|monai|nnunet|nnunet_mirrored FOLDER

A request is a visit's name; the answer {"seconds": ...}. The baselines read images that are in network units and on the
PET's grid already, which spares them a resampling; ours reads the cohort as it is.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.baseline import WINDOW, load

CHANNELS = ("sstr", "ct")


def main() -> None:
    role, folder = sys.argv[1], Path(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr
    run = {"netlesion": _netlesion, "monai": _monai, "nnunet": _nnunet, "nnunet_mirrored": _mirrored}[role](folder)
    print(json.dumps({"ready": role}), file=answers, flush=True)
    for line in sys.stdin:
        visit, out = line.strip(), folder / role / line.strip()
        out.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        run(visit, out)
        print(json.dumps({"seconds": time.perf_counter() - started}), file=answers, flush=True)


def _netlesion(folder: Path) -> Callable:
    from netlesion.inference.engines.choose import choose
    from netlesion.inference.malloc import reuse_freed_memory
    from netlesion.inference.memory import available_gb
    from netlesion.io.bids.cohort import open_cohort
    from netlesion.models.card import ModelCard
    from netlesion.predict.batch import run_batch
    from netlesion.predict.model import Model
    from netlesion.predict.plan import cost_of
    from netlesion.predict.settings import InferenceSettings, Machine

    reuse_freed_memory()
    network, stored = load(folder / "network.pt"), torch.load(folder / "network.pt", weights_only=True)
    classes = {"sstr": ("background", "lesion")}
    card = ModelCard(CHANNELS, CHANNELS, classes, (4.0, 4.0, 4.0), WINDOW, stored["arguments"])
    memory_gb = available_gb("cpu")

    def chunk(name: str, voxels: int) -> int | None:
        return cost_of(card, name, True).chunk_voxels(voxels, memory_gb * 1e9)

    engine = choose(network, 2, WINDOW, chunk=chunk)
    settings = InferenceSettings(
        "stream", engine=engine.name, precision=engine.precision, machine=Machine(memory_gb=memory_gb, chunked=True)
    )
    model = Model(card, (engine.predict,), "0" * 64)
    visits = {v.visit_id: v for v in open_cohort(folder / "cohort").visits}

    def run(visit: str, out: Path) -> None:
        result = run_batch([visits[visit]], out, model, settings, {}, seed=0, overwrite=True)
        assert not result.failures, result.failures

    return run


def _monai(folder: Path) -> Callable:
    """As in MONAI's tutorials: dictionary transforms in, SlidingWindowInferer, Invertd and SaveImaged out."""
    from monai.data import MetaTensor, decollate_batch, list_data_collate
    from monai.inferers import SlidingWindowInferer
    from monai.transforms import (
        AsDiscreted,
        Compose,
        ConcatItemsd,
        EnsureChannelFirstd,
        EnsureTyped,
        Invertd,
        LoadImaged,
        Orientationd,
        SaveImaged,
        Spacingd,
    )

    keys, network = list(CHANNELS), load(folder / "network.pt")
    before = Compose(
        [
            LoadImaged(keys=keys),
            EnsureChannelFirstd(keys=keys),
            Orientationd(keys=keys, axcodes="RAS", labels=None),
            Spacingd(keys=keys, pixdim=(4.0, 4.0, 4.0), mode="bilinear"),
            ConcatItemsd(keys=keys, name="image"),
            EnsureTyped(keys=["image"]),
        ]
    )
    inferer = SlidingWindowInferer(WINDOW, sw_batch_size=1, overlap=0.5, mode="gaussian")

    @torch.inference_mode()
    def run(visit: str, out: Path) -> None:
        batch = list_data_collate([before({c: folder / "units" / f"{visit}_{c}.nii.gz" for c in keys})])
        batch["pred"] = inferer(batch["image"], network)
        if not isinstance(batch["pred"], MetaTensor):
            batch["pred"] = MetaTensor(batch["pred"], meta=batch["image"].meta)
        after = Compose(
            [
                Invertd(keys="pred", transform=before, orig_keys="image", nearest_interp=False, to_tensor=True),
                AsDiscreted(keys="pred", argmax=True),
                SaveImaged(keys="pred", output_dir=str(out), output_postfix="seg", separate_folder=False),
            ]
        )
        (done,) = [after(item) for item in decollate_batch(batch)]
        _table(done["pred"][0].numpy() > 0, folder / "units" / f"{visit}_suv.nii.gz", out)

    return run


def _nnunet(folder: Path, mirroring: bool = False) -> Callable:
    """nnUNetv2_predict's predictor, kept ready over the cohort, one process, resampling by torch."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(_nnunet_model(folder, mirroring)), (0,))

    def run(visit: str, out: Path) -> None:
        import nibabel

        images = [str(folder / "units" / f"{visit}_{c}.nii.gz") for c in CHANNELS]
        predictor.predict_from_files_sequential([images], [str(out / visit)])
        mask = np.asarray(nibabel.load(out / f"{visit}.nii.gz").dataobj) > 0
        _table(mask, folder / "units" / f"{visit}_suv.nii.gz", out)

    return run


def _mirrored(folder: Path) -> Callable:
    return _nnunet(folder, mirroring=True)


def _nnunet_model(folder: Path, mirroring: bool) -> Path:
    """A trained-model folder as nnU-Net keeps it, around the same weights."""
    model = folder / ("nnunet-model-mirrored" if mirroring else "nnunet-model")
    (model / "fold_0").mkdir(parents=True, exist_ok=True)
    stored = torch.load(folder / "network.pt", weights_only=True)
    resampling = {"is_seg": False, "force_separate_z": False, "memefficient_seg_resampling": False}
    configuration = {
        "data_identifier": "bench",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(WINDOW),
        "spacing": [4.0, 4.0, 4.0],
        "median_image_size_in_voxels": list(WINDOW),
        "normalization_schemes": ["NoNormalization"] * 2,
        "use_mask_for_norm": [False, False],
        "batch_dice": False,
        "architecture": {
            "network_class_name": "bench.pipeline_baseline.for_nnunet",
            "arch_kwargs": stored["arguments"],
            "_kw_requires_import": [],
        },
    }
    for what in ("data", "seg", "probabilities"):
        configuration[f"resampling_fn_{what}"] = "resample_torch_fornnunet"
        configuration[f"resampling_fn_{what}_kwargs"] = resampling | {"is_seg": what == "seg"}
    plans = {
        "dataset_name": "Dataset001_bench",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}, "1": {}},
        "configurations": {"3d_fullres": configuration},
    }
    dataset = {
        "channel_names": {"0": "noNorm", "1": "noNorm"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 1,
        "file_ending": ".nii.gz",
    }
    (model / "plans.json").write_text(json.dumps(plans))
    (model / "dataset.json").write_text(json.dumps(dataset))
    checkpoint = {
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": (0, 1, 2),
        "network_weights": stored["weights"],
    }
    torch.save(checkpoint, model / "fold_0" / "checkpoint_final.pth")
    return model


def for_nnunet(input_channels: int, num_classes: int, deep_supervision: bool = False, **arguments) -> torch.nn.Module:
    """The network under the argument names that nnU-Net's plans use."""
    from netlesion.models.unet import unet

    return unet(input_channels, num_classes, **arguments)


def _table(mask: np.ndarray, suv_path: Path, out: Path) -> None:
    """What a plain script does after the network: scipy's components, one lesion after the other, a table."""
    import nibabel
    from scipy import ndimage

    image = nibabel.load(suv_path)
    suv, voxel_ml = np.asarray(image.dataobj), float(np.abs(np.linalg.det(image.affine[:3, :3]))) / 1000.0
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, 2))
    lines = ["lesion\tvolume_ml\tsuvmax\tsuvmean\ttlg"]
    for index in range(1, count + 1):
        values = suv[labels == index]
        ml, mean = values.size * voxel_ml, float(values.mean())
        lines.append(f"{index}\t{ml:.3f}\t{values.max():.3f}\t{mean:.3f}\t{ml * mean:.3f}")
    (out / "lesions.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
