"""Batch inference: the model is loaded once, visits go through one by one, a bad one does not stop the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from netlesion.atomic import write_json
from netlesion.cohort.results import done_record, finish_visit, outputs_of, write_case
from netlesion.errors import ConfigError, NetlesionError, OutputError
from netlesion.io.cohort import VisitFiles, load_visit
from netlesion.io.masks import RECORD
from netlesion.models.card import ModelCard
from netlesion.pipeline import InferenceSettings, predict_visit
from netlesion.provenance import Stopwatch, hash_file, provenance
from netlesion.quantify.table import LesionRow, read_lesions, write_lesions
from netlesion.report.page import CasePage, TextTable, write_report


@dataclass(frozen=True)
class Model:
    """A network ready to run: its card, the callable, and the hash of the checkpoint it came from."""

    card: ModelCard
    predict: Callable[[Tensor], Tensor]
    checkpoint_sha256: str


@dataclass(frozen=True)
class BatchResult:
    """Visits done now, skipped as done before, and one line for each that failed."""

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failures: Mapping[str, str]
    report: Path


def run_batch(
    visits: Sequence[VisitFiles],
    output: Path,
    model: Model,
    settings: InferenceSettings,
    config: Mapping[str, Any],
    seed: int,
    overwrite: bool = False,
) -> BatchResult:
    """Infers every visit into `output`; raises ConfigError when it holds results of another checkpoint or settings.

    A full disk (OutputError) ends the run at once; any other error of a visit is kept for the end.
    """
    signature = {"checkpoint_sha256": model.checkpoint_sha256, "settings": asdict(settings)}
    pending, skipped = [], []
    for files in visits:
        record = None if overwrite else done_record(output / files.visit_id)
        if record is None:
            pending.append(files)
        else:
            _require_same(record, signature, files.visit_id, output)
            _require_same_inputs(record, files, model.card, output)
            skipped.append(files.visit_id)
    done, failures, total = [], {}, Stopwatch()
    with tqdm(total=len(pending), desc="inference", unit="visit", file=sys.stderr) as bar:
        for files in pending:
            bar.set_postfix_str(files.visit_id)
            try:
                _infer_visit(files, output / files.visit_id, model, settings, config, seed, signature, total, bar)
                done.append(files.visit_id)
            except OutputError:
                raise
            except NetlesionError as error:
                failures[files.visit_id] = str(error)
            except Exception as error:  # whatever one visit does, the others go on
                reason = (str(error).splitlines() or [""])[0]
                failures[files.visit_id] = f"{files.visit_id}: {type(error).__name__}: {reason}"
            bar.update(1)
    finished = [f for f in visits if f.visit_id not in failures]
    with total.stage("report"):
        report = write_cohort(finished, output, model.checkpoint_sha256, list(failures.values()))
    record = provenance(
        config=config,
        seed=seed,
        checkpoint_sha256=model.checkpoint_sha256,
        stopwatch=total,
        settings=asdict(settings),
        visits_done=done,
        visits_skipped=skipped,
        failures=failures,
    )
    write_json(output / RECORD, record)
    return BatchResult(tuple(done), tuple(skipped), failures, report)


def _infer_visit(files, folder: Path, model: Model, settings, config, seed, signature, total: Stopwatch, bar) -> None:
    watch = Stopwatch()
    (folder / RECORD).unlink(missing_ok=True)
    for leftover in folder.glob(".part-*"):  # of a run that was killed while writing
        leftover.unlink()
    with watch.stage("read"):
        visit = load_visit(files, model.card.channels, model.card.required_channels)
    results = predict_visit(visit, model.card, model.predict, settings, watch)
    outputs: list[str] = []
    with watch.stage("write"):
        for channel, result in results.items():
            case = files.case_id(channel)
            write_case(folder, case, result)
            outputs += outputs_of(case)
    with watch.stage("hash"):
        hashes = _input_hashes(files, model.card)
    for name, seconds in watch.seconds.items():
        total.seconds[name] = total.seconds.get(name, 0.0) + seconds
    finish_visit(
        folder,
        provenance(
            config=config,
            seed=seed,
            checkpoint_sha256=signature["checkpoint_sha256"],
            inputs=hashes,
            stopwatch=watch,
            settings=signature["settings"],
            visit=files.visit_id,
            cases={channel: files.case_id(channel) for channel in results},
            channels_present={c: c in visit.scans for c in model.card.channels},
            outputs=outputs,
        ),
    )


def _require_same(record: Mapping[str, Any], signature: Mapping[str, Any], visit_id: str, output: Path) -> None:
    for name, meaning in (("checkpoint_sha256", "checkpoint"), ("settings", "settings")):
        if _deciding(record.get(name)) != _deciding(signature[name]):
            raise ConfigError(
                f"{output}: holds results of {visit_id} made with another {meaning}; "
                "give another output folder, or overwrite=true to make them anew"
            )


def _deciding(value: Any) -> Any:
    """Settings without those that cannot change a result, so that a run may be finished on another device."""
    if not isinstance(value, Mapping):
        return value
    return {k: v for k, v in value.items() if k not in ("batch_size", "device")}


def _input_hashes(files: VisitFiles, card: ModelCard) -> dict[str, str]:
    images = [files.image(c) for c in card.channels if c in files.images]
    return {path.name: hash_file(path) for image in images for path in (image.path, *image.transforms)}


def _require_same_inputs(record: Mapping[str, Any], files: VisitFiles, card: ModelCard, output: Path) -> None:
    """Two cohorts may both have a sub-001: a visit is done only if it was done from these very images."""
    if record.get("inputs_sha256") != _input_hashes(files, card):
        raise ConfigError(
            f"{output}: holds results of {files.visit_id} made from other images than "
            "those of this input; give another output folder, or overwrite=true to make them anew"
        )


def write_cohort(
    visits: Sequence[VisitFiles],
    output: Path,
    checkpoint_sha256: str,
    failures: Sequence[str] = (),
    tables: Sequence[TextTable] = (),
    title: str = "Lesions of a cohort",
) -> Path:
    """The lesion table and the report over every finished visit, whichever run finished it; the report's path."""
    rows: dict[str, Sequence[LesionRow]] = {}
    pages, channels = [], []
    for files in visits:
        record = done_record(output / files.visit_id)
        for channel, case in (record or {}).get("cases", {}).items():
            folder = output / files.visit_id
            rows[case] = read_lesions(folder / f"{case}_desc-lesions.tsv").get(case, ())
            channels = list(record["channels_present"])
            absent = tuple(c for c, there in record["channels_present"].items() if not there)
            pages.append(CasePage(case, channel, (folder / f"{case}_mip.png").read_bytes(), tuple(rows[case]), absent))
    write_lesions(output / "lesions.tsv", rows)
    facts = {
        "checkpoint": checkpoint_sha256[:12],
        "channels": ", ".join(channels) or "n/a",
        "visits": str(len(visits)),
        "failed": str(len(failures)),
    }
    write_report(output / "report.html", title, pages, facts, tables, failures)
    return output / "report.html"
