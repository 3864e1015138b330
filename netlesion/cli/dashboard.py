"""`netlesion dashboard`: trainings live in a browser on this machine, drawn by trackio from the files of run folders.

trackio's store is a temporary copy: the run folders stay the record, and nothing but them is read. The page is served
on 127.0.0.1 alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from netlesion.errors import ConfigError, OutputError
from netlesion.output.run_files import EVENTS, FIRST, METRICS, read_events, read_metrics, run_folders

PROJECT, HOST = "netlesion", "127.0.0.1"
#: Seconds between two looks at the files.
EVERY_S = 3.0


class Store(Protocol):
    """What keeps a run's numbers: trackio's SQLiteStorage."""

    def bulk_log(
        self, project: str, run: str, metrics_list: list[dict], steps: list[int], timestamps: list[str]
    ) -> None: ...

    def delete_run(self, project: str, run: str) -> Any: ...


class Mirror:
    """Copies what run folders hold into a store, and afterwards what has come to them.

    picture: (run, step, file, caption) -> what the store takes for a picture.
    """

    def __init__(self, root: Path, store: Store, picture: Callable[[str, int, Path, str], Any]) -> None:
        self.root, self.store, self.picture = root, store, picture
        self._seen: dict[str, tuple[tuple[int, int], int, int]] = {}

    def update(self) -> int:
        """How many rows and pictures were new; a run that was begun again is copied anew."""
        new = 0
        for folder in run_folders(self.root):
            run = str(folder.relative_to(self.root)) if folder != self.root else folder.resolve().name
            sizes = (_size(folder / METRICS), _size(folder / EVENTS))
            before, rows_done, pictures_done = self._seen.get(run, ((0, 0), 0, 0))
            if sizes == before:
                continue
            rows, pictures = read_metrics(folder / METRICS)[1], _pictures(folder)
            if len(rows) < rows_done or len(pictures) < pictures_done:
                self.store.delete_run(PROJECT, run)
                rows_done = pictures_done = 0
            self._rows(run, rows[rows_done:])
            self._shown(run, pictures[pictures_done:])
            new += len(rows) - rows_done + len(pictures) - pictures_done
            self._seen[run] = (sizes, len(rows), len(pictures))
        return new

    def _rows(self, run: str, rows: list[dict[str, str]]) -> None:
        values = [{name: float(cell) for name, cell in row.items() if name not in FIRST} for row in rows]
        self._log(run, [int(row.get("step", 0)) for row in rows], [row["time"] for row in rows], values)

    def _shown(self, run: str, pictures: list[tuple[int, str, str, Path, str]]) -> None:
        for step, when, name, path, caption in pictures:
            if path.is_file():
                self._log(run, [step], [when], [{f"val/{name}": self.picture(run, step, path, caption)}])

    def _log(self, run: str, steps: list[int], times: list[str], values: list[dict]) -> None:
        if values:
            self.store.bulk_log(PROJECT, run, values, steps=steps, timestamps=times)


def dashboard(
    runs: Annotated[Path, typer.Argument(help="Folder of run folders.")] = Path("runs"),
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port on 127.0.0.1; default: a free one.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Show trainings live in a browser on this machine (needs the extra `dashboard`); Ctrl-C ends it."""
    if not runs.is_dir():
        raise OutputError(f"{runs}: no such folder; give the folder of your runs, runs_dir of the training")
    with tempfile.TemporaryDirectory(prefix="netlesion-dashboard-") as store:
        trackio, storage = _trackio(store)
        mirror = Mirror(runs, storage, lambda run, step, path, caption: _picture(trackio, run, step, path, caption))
        found = mirror.update()
        print(f"{runs}: {found} rows and pictures; new ones come every {EVERY_S:g} s")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            try:
                server, url, *_ = trackio.show(
                    PROJECT, open_browser=browser, block_thread=False, host=HOST, share=False, server_port=port
                )
            except OSError as error:
                raise ConfigError(f"port {port} cannot be used ({error}); give another one with --port") from error
        print(f"dashboard {url} (this machine only; Ctrl-C ends it)", flush=True)
        try:
            while True:
                time.sleep(EVERY_S)
                mirror.update()
        finally:
            server.close()


def _trackio(store: str) -> tuple[Any, Any]:
    """trackio and its storage, in a folder of ours and without a word to anybody."""
    os.environ |= {"TRACKIO_DIR": store, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        trackio, storage = import_module("trackio"), import_module("trackio.sqlite_storage")
    except ImportError as error:
        raise ConfigError(
            "the dashboard needs trackio, which is not installed; pip install 'netlesion[dashboard]'"
        ) from error
    return trackio, storage.SQLiteStorage


def _picture(trackio: Any, run: str, step: int, path: Path, caption: str) -> Any:
    image = trackio.Image(str(path), caption=caption)
    image._save(PROJECT, run, step)
    return image._to_dict()


def _pictures(folder: Path) -> list[tuple[int, str, str, Path, str]]:
    """Step, time, name, file and caption of every picture of a run, in order."""
    found = []
    for event in read_events(folder / EVENTS):
        files = event.get("files", {}) if event["event"] == "validation" else {}
        for name, facts in files.items():
            if isinstance(facts, Mapping) and str(facts.get("file", "")).endswith(".png"):
                path = folder / str(facts["file"])
                found.append((int(event["step"]), event["time"], Path(name).stem, path, facts.get("caption", "")))
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
