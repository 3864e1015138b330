"""`netlesion read`: from a hospital's DICOM to lesions, answers and pages, for one patient or a thousand.

    OUT/cohort            what was imported, with the transforms of its registration
    OUT/cohort.key.tsv    who is who: keep it apart from the rest
    OUT/results           lesions, answers, pages (report.html)

Each step does what is not done yet, so the same command goes on after it was stopped, or after a new examination came.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEPS = ("import", "register", "find, measure, answer and report")


def read(
    dicom: Annotated[Path, typer.Argument(help="Folder with DICOM files in any order and nesting.")],
    out: Annotated[Path, typer.Argument(help="Folder for everything that is made of them.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Settings of inference, as device=cuda.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Patients registered at a time.")] = 1,
) -> None:
    """DICOM in, lesions, answers and pages out, by the weights of this package; a rerun goes on where it stopped.

    Exit status 1: something failed (one line each on stderr), the rest is there.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must not spin
    raise typer.Exit(run_read(dicom, out, settings or (), workers))


def run_read(dicom: Path, out: Path, settings: Sequence[str], workers: int = 1) -> int:
    """The exit status of all steps."""
    from netlesion.cli.config import compose, run_guarded
    from netlesion.cli.infer import infer
    from netlesion.errors import ConfigError

    cohort, results = out / "cohort", out / "results"
    for word in settings:
        if word.partition("=")[0].lstrip("+") in ("input", "output", "split"):
            raise ConfigError(f"{word}: input and output of netlesion read are DICOM and OUT; leave it out")
    config = compose("infer", [*settings, f"input={cohort}", f"output={results}"])  # refused before any work
    _say(1)
    failures = _import(dicom, cohort)
    _say(2)
    failures += _register(cohort, results, workers)
    _say(3)
    status = run_guarded(lambda: infer(config))
    print()
    for line in summary_lines(cohort, results):
        print(line)
    print(f"report {results / 'report.html'}")
    print("Research software, not a medical device. Every finding is to be confirmed by a physician.")
    return 1 if failures or status else 0


def _say(number: int) -> None:
    print(f"\n{number} of {len(STEPS)}: {STEPS[number - 1]}", flush=True)


def _import(dicom: Path, cohort: Path) -> int:
    """How many series were refused; what an import says is said."""
    from netlesion.datasets.dicom.importer import import_dicom

    found = import_dicom(dicom, cohort)
    for kind, lines in (("skipped", found.skipped), ("warning", found.warnings), ("error", found.failures)):
        for line in lines:
            print(f"{kind}: {line}", file=sys.stderr)
    print(
        f"{len(found.written)} files written, {len(found.present)} were there, {len(found.skipped)} skipped, "
        f"{len(found.failures)} refused"
    )
    return len(found.failures)


def _register(cohort: Path, results: Path, workers: int) -> int:
    """How many pairs were refused; results of patients who were registered anew are made anew."""
    from netlesion.register.cohort import Settings
    from netlesion.register.resume import register_missing

    found = register_missing(cohort, Settings(followups=True), workers, lambda o: print(o.line(), flush=True))
    for subject in found.now:
        for record in sorted(results.glob(f"{subject}_*/provenance.json")):
            record.unlink()
            print(f"{record.parent.name}: {subject} has new images or transforms; it is done again")
    refused = [o for outcomes in found.outcomes.values() for o in outcomes if o.status == "refused"]
    for outcome in refused:
        print(f"error: {outcome.line()}", file=sys.stderr)
    print(f"{len(found.now)} patients registered, {len(found.outcomes) - len(found.now)} were before")
    return len(refused)


def summary_lines(cohort: Path, results: Path) -> list[str]:
    """One line for each patient of a cohort: visits, lesions by tracer, volume, answers; or why there is nothing."""
    from netlesion.io.bids.masks import RECORD
    from netlesion.io.bids.pet import entity
    from netlesion.quantify.table import read_lesions

    table = results / "lesions.tsv"
    rows = read_lesions(table) if table.is_file() else {}
    failures = _json(results / RECORD).get("failures", {})
    lines = []
    for subject in sorted(p.name for p in cohort.glob("sub-*") if p.is_dir()):
        records = [_json(path) for path in sorted(results.glob(f"{subject}_*/{RECORD}"))]
        cases = [case for record in records for case in record.get("cases", {}).values()]
        failed = [str(line) for visit, line in failures.items() if visit.split("_")[0] == subject]
        counts: dict[str, int] = {}
        for case in cases:
            tracer = entity(case, "trc") or "pet"
            counts[tracer] = counts.get(tracer, 0) + len(rows.get(case, ()))
        volume = sum(row.volume_ml for case in cases for row in rows.get(case, ()))
        words = [f"{len(records)} visits" if len(records) != 1 else "1 visit"]
        words.append(", ".join(f"{n} lesions in {tracer}" for tracer, n in counts.items()) or "no PET read")
        if cases:
            words += [f"{volume:.1f} ml", _answered(_json(results / "answers" / subject / "answers.json"))]
        lines.append("  ".join([subject, *words, *(f"failed: {line}" for line in failed)]))
    return lines


def _answered(document: Mapping[str, Any]) -> str:
    answers = document.get("answers", [])
    asked = {a["question"] for a in answers}
    answered = {a["question"] for a in answers if a["status"] == "answered"}
    return f"{len(answered)} of {len(asked)} questions answered" if asked else "not answered"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
