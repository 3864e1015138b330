"""Batch inference: the model is loaded once, a bad visit does not stop the rest, reading and writing overlap.

While one visit is in the network, the next is read and harmonised by a second thread and the last is measured and
written by a third. At most three visits are in memory. Whatever a thread raises is raised here, at its visit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from threading import Event
from typing import Any

from tqdm import tqdm

from netlesion.errors import ConfigError, NetlesionError, OutputError
from netlesion.io.bids.masks import RECORD
from netlesion.io.bids.visit_files import REFERENCE_DESC, VisitFiles, load_visit, require_channels
from netlesion.models.card import ModelCard
from netlesion.output.atomic import remove_leftovers, write_json
from netlesion.output.interrupt import Interrupted, say_how_to_go_on
from netlesion.output.lock import alone
from netlesion.output.provenance import Stopwatch, hash_file, provenance, without_folders
from netlesion.predict.agreement import HEADER, Agreement
from netlesion.predict.model import Model
from netlesion.predict.results import (
    damaged,
    finish_visit,
    outputs_of,
    record_of,
    references_in,
    summaries_in,
    write_case,
    write_organs,
)
from netlesion.predict.settings import InferenceSettings
from netlesion.predict.stages import StageTable
from netlesion.predict.surroundings import of_files
from netlesion.predict.visit import Logits, Prepared, finish, forward, prepare
from netlesion.quantify.references import ReferenceOrgans, write_references
from netlesion.quantify.row import LesionRow
from netlesion.quantify.summary import PatientSummary, write_summaries
from netlesion.quantify.table import read_lesions, write_lesions
from netlesion.report.run_facts import MODEL_CARD, public_card
from netlesion.report.text_table import TextTable

#: Settings in records written before -> their names now.
RENAMED_SETTINGS = {"audit": "agreement"}
#: How long an interrupted run waits for the visit that is being written.
WIND_DOWN_S = 7.0


@dataclass(frozen=True)
class BatchResult:
    """Visits done now, skipped as done before, one line for each that failed, and tables for the cohort's page."""

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failures: Mapping[str, str]
    tables: tuple[TextTable, ...]


def run_batch(
    visits: Sequence[VisitFiles],
    output: Path,
    model: Model,
    settings: InferenceSettings,
    config: Mapping[str, Any],
    seed: int,
    overwrite: bool = False,
    parts: Mapping[str, str] | None = None,
) -> BatchResult:
    """Infers every visit into `output`; parts: patient -> part of the split, for the records.

    Raises ConfigError when it holds results of another checkpoint or settings. A full disk (OutputError) ends the run
    at once, another run in the same folder (OutputError) forbids it; any other error of a visit is kept for the end.
    """
    with alone(output, depth=1):
        return _run_batch(visits, output, model, settings, config, seed, overwrite, parts or {})


def _run_batch(visits, output, model, settings, config, seed, overwrite, parts) -> BatchResult:
    signature = {"checkpoint_sha256": model.checkpoint_sha256, "settings": asdict(settings)}
    pending, skipped = [], []
    for files in visits:
        record = None if overwrite else record_of(output / files.visit_id)
        if record is None:
            pending.append(files)
            continue
        _require_same(record, signature, files.visit_id, output)
        _require_same_inputs(record, files, model.card, output)
        damage = damaged(output / files.visit_id, record)
        if damage is None:
            skipped.append(files.visit_id)
        else:
            print(f"{files.visit_id}: {damage}; it is done again", file=sys.stderr)
            pending.append(files)
    done, failures, total = [], {}, Stopwatch()
    table = StageTable()
    with tqdm(total=len(pending), desc="inference", unit="visit", file=sys.stderr) as bar:
        reader, writer = ThreadPoolExecutor(1, "read"), ThreadPoolExecutor(1, "write")
        run = _Run(output, model, settings, config, seed, signature, parts, note=bar.write)
        say_how_to_go_on(
            lambda: (
                f"{len(skipped) + len(run.finished)} of {len(visits)} visits are finished; "
                "start the same command again to go on with the rest"
            )
        )

        def settle(files: VisitFiles, job: Future, watch: Stopwatch) -> None:
            """Waits for a visit's last step; its failure is kept, a full disk ends the run."""
            try:
                job.result()
                done.append(files.visit_id)
                total.add(watch)
                bar.write(table.row(files.visit_id, watch))
            except OutputError:
                raise
            except NetlesionError as error:
                failures[files.visit_id] = str(error)
            except Exception as error:  # whatever one visit does, the others go on
                reason = (str(error).splitlines() or [""])[0]
                failures[files.visit_id] = f"{files.visit_id}: {type(error).__name__}: {reason}"
            bar.update(1)

        try:
            reading, writing = None, None
            for number, files in enumerate(pending):
                bar.set_postfix_str(files.visit_id)
                reading = reading or reader.submit(run.read, files)
                following = reader.submit(run.read, pending[number + 1]) if number + 1 < len(pending) else None
                job, watch = _through_network(run, files, reading, writer)
                if writing is not None:
                    settle(*writing)
                writing, reading = (files, job, watch), following
            if writing is not None:
                settle(*writing)
        except Interrupted:
            run.stop.set()
            wait([writer.submit(int)], timeout=WIND_DOWN_S)  # what is being written is finished, the rest is left
            raise
        finally:
            for pool in (reader, writer):
                pool.shutdown(wait=not run.stop.is_set(), cancel_futures=True)
    if done:
        print(table.row(f"{len(done)} visits", total))
    finished = [f for f in visits if f.visit_id not in failures]
    recorded = {f.visit_id: without_folders(failures[f.visit_id], f.paths) for f in visits if f.visit_id in failures}
    with total.stage("tables"):
        tables = _write_tables(finished, output)
        write_json(output / MODEL_CARD, public_card(model.card.to_dict()))
    record = provenance(
        config=config,
        seed=seed,
        checkpoint_sha256=model.checkpoint_sha256,
        stopwatch=total,
        settings=asdict(settings),
        visits_done=done,
        visits_skipped=skipped,
        failures=recorded,
    )
    write_json(output / RECORD, record)
    return BatchResult(tuple(done), tuple(skipped), failures, tables)


@dataclass(frozen=True)
class _Run:
    """The three steps of a visit, each of which may run in a thread of its own."""

    output: Path
    model: Model
    settings: InferenceSettings
    config: Mapping[str, Any]
    seed: int
    signature: Mapping[str, Any]
    parts: Mapping[str, str]
    note: Callable[[str], None]
    finished: list[str] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    def read(self, files: VisitFiles) -> tuple[Prepared, Stopwatch]:
        watch, card = Stopwatch(), self.model.card
        with watch.stage("read"):
            require_channels(files, card.required_channels, card.required_any)
            truth = None if self.settings.compared is None else REFERENCE_DESC
            visit = load_visit(files, card.channels, card.required_channels, truth)
        return prepare(visit, card, self.settings, watch), watch

    def forward(self, prepared: Prepared, watch: Stopwatch) -> Logits:
        return forward(prepared, self.model.card, self.model.networks, self.settings, watch, self.note)

    def write(self, files: VisitFiles, prepared: Prepared, logits: Logits, watch: Stopwatch) -> None:
        card, folder = self.model.card, self.output / files.visit_id
        (folder / RECORD).unlink(missing_ok=True)
        remove_leftovers(folder, 0)
        results = finish(prepared, logits, card, self.settings, watch, of_files(files))
        if self.stop.is_set():
            raise CancelledError
        outputs: list[str] = []
        with watch.stage("write"):
            for channel, result in results.items():
                case = files.case_id(channel)
                write_case(folder, case, result)
                outputs += outputs_of(case)
            first = next(iter(results))
            if (organs := results[first].organs) is not None:
                outputs += write_organs(folder, files.case_id(first), organs)
        with watch.stage("hash"):
            hashes = _input_hashes(files, card)
        finish_visit(
            folder,
            provenance(
                config=self.config,
                seed=self.seed,
                checkpoint_sha256=self.signature["checkpoint_sha256"],
                inputs=hashes,
                stopwatch=watch,
                settings=self.signature["settings"],
                plan=prepared.plan.explain(),
                visit=files.visit_id,
                split_part=self.parts.get(files.patient_id),
                cases={channel: files.case_id(channel) for channel in results},
                agreements={
                    files.case_id(c): asdict(r.agreement) for c, r in results.items() if r.agreement is not None
                },
                channels_present=dict(zip(card.channels, prepared.present, strict=True)),
            ),
            outputs,
        )
        self.finished.append(files.visit_id)


def _through_network(
    run: _Run, files: VisitFiles, reading: Future, writer: ThreadPoolExecutor
) -> tuple[Future, Stopwatch]:
    """Waits for the visit's images, runs the network here, hands the rest to the writer; a failure becomes the job."""
    watch = Stopwatch()
    try:
        prepared, watch = reading.result()
        logits = run.forward(prepared, watch)
    except Exception as error:
        job: Future = Future()
        job.set_exception(error)
        return job, watch
    return writer.submit(run.write, files, prepared, logits, watch), watch


def _require_same(record: Mapping[str, Any], signature: Mapping[str, Any], visit_id: str, output: Path) -> None:
    for name, meaning in (("checkpoint_sha256", "checkpoint"), ("settings", "settings")):
        if _deciding(record.get(name)) != _deciding(signature[name]):
            raise ConfigError(
                f"{output}: holds results of {visit_id} made with another {meaning}; "
                "give another output folder, or overwrite=true to make them anew"
            )


def _deciding(value: Any) -> Any:
    """Settings without the machine's (flat in records of before), so that a run may be finished on another device."""
    if not isinstance(value, Mapping):
        return value
    deciding = {
        RENAMED_SETTINGS.get(k, k): list(v) if isinstance(v, tuple) else v
        for k, v in value.items()
        if k not in ("machine", "batch_size", "device", "memory_gb", "chunked", "by_level")
    }
    return {"split": False, "organs": False} | deciding  # what was done before there was a choice


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


def agreements_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Case -> figures of an `Agreement`; records written before call them audits."""
    return record.get("agreements", record.get("audits", {}))


def agreement_tables(records: Iterable[Mapping[str, Any]]) -> tuple[TextTable, ...]:
    """What the chosen way of computing costs or buys, case by case, and the mean over the cases with a reference.

    records: of visits; none of them was computed in two ways: no table.
    """
    agreements = {case: Agreement(**a) for record in records for case, a in agreements_of(record).items()}
    if not agreements:
        return ()
    told = [a.gain for a in agreements.values() if a.gain is not None]
    note = f"mean difference {fmean(told):+.3f} over {len(told)} cases with a reference" if told else "no reference"
    first = next(iter(agreements.values()))
    rows = tuple((case, *agreement.cells()) for case, agreement in agreements.items())
    return (TextTable(f"{first.chosen} beside {first.other}".capitalize(), HEADER, rows, note),)


def _write_tables(visits: Sequence[VisitFiles], output: Path) -> tuple[TextTable, ...]:
    """The tables over every finished visit, whichever run finished it; what the reports show first."""
    rows: dict[str, Sequence[LesionRow]] = {}
    references: dict[str, ReferenceOrgans] = {}
    summaries: dict[str, PatientSummary] = {}
    records = {files.visit_id: record_of(output / files.visit_id) or {} for files in visits}
    for visit_id, record in records.items():
        for case in record.get("cases", {}).values():
            folder = output / visit_id
            rows[case] = read_lesions(folder / f"{case}_desc-lesions.tsv").get(case, ())
            references |= references_in(folder, case)
            summaries |= summaries_in(folder, case)
    write_lesions(output / "lesions.tsv", rows)
    write_references(output / "reference_organs.tsv", references)
    write_summaries(output / "patients.tsv", summaries)
    return agreement_tables(records.values())
