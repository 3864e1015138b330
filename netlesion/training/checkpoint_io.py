"""Lightning checkpoints written whole or not at all, on the file system where they will lie.

Lightning writes to the system's temporary folder and moves the file; between two file systems that move is a copy,
and a kill in the middle of it leaves half a checkpoint.
"""

from __future__ import annotations

import io
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from netlesion.output.atomic import atomic_path


class AtomicCheckpointIO(TorchCheckpointIO):
    """Saves through `atomic_path`; raises OutputError when the disk is full."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str, storage_options: Any | None = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with atomic_path(path) as part:
            part.write_bytes(buffer.getbuffer())
