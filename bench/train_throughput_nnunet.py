"""Patches per processor second of nnU-Net's loader on the arrays of bench/train_throughput, by its own interpreter.

Takes the job as JSON on stdin, prints {augmentation: patches per processor second} as its last line. Arrays are stored
as nnU-Net stores them (blosc2, its own chunks); patches come from nnUNetDataLoader in this process, one core; the
affine map and the mirror are its SpatialTransform and MirrorTransform.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

IGNORE = 255


def main() -> None:
    import torch
    from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
    from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
    from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
    from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params, nnUNetDatasetBlosc2
    from nnunetv2.utilities.label_handling.label_handling import LabelManager

    torch.set_num_threads(1)
    job = json.load(sys.stdin)
    window, patches, rates = job["window"], job["patches"], {}
    with tempfile.TemporaryDirectory() as folder:
        for n, item in enumerate(job["items"]):
            image = np.load(item["image"]).astype(np.float32)
            label = np.load(item["label"]).astype(np.int16)[:1]
            label[label == IGNORE] = 0
            places = np.argwhere(label > 0)
            properties = {"class_locations": {1: places[:: max(1, len(places) // 10000)]}}
            blocks, chunks = comp_blosc2_params(image.shape, tuple(window), 4)
            segmentation = comp_blosc2_params(label.shape, tuple(window), 2)
            nnUNetDatasetBlosc2.save_case(
                image, label, properties, str(Path(folder, f"case_{n}")), chunks=chunks, blocks=blocks,
                chunks_seg=segmentation[1], blocks_seg=segmentation[0],
            )  # fmt: skip
        dataset = nnUNetDatasetBlosc2(folder)
        manager = LabelManager({"background": 0, "lesion": 1}, None)
        affine = ComposeTransforms(
            [
                SpatialTransform(
                    tuple(window), patch_center_dist_from_border=0, random_crop=False, p_elastic_deform=0, p_rotation=1,
                    rotation=(-0.2, 0.2), p_scaling=1, scaling=(0.8, 1.2), bg_style_seg_sampling=False,
                ),
                MirrorTransform(allowed_axes=(0,)),
            ]
        )  # fmt: skip
        for name, transforms in (("cropped", None), ("affine and mirror", affine)):
            size = [int(w * 1.3) for w in window] if transforms is not None else window
            loader = nnUNetDataLoader(dataset, 1, size, window, manager, 0.33, transforms=transforms)
            for _ in range(2):
                started = time.process_time()
                for _ in range(patches):
                    next(loader)
                rates[name] = patches / (time.process_time() - started)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
