"""`netlesion answer`: the study's questions to every patient of a folder of results."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


def answer(
    results: Annotated[Path, typer.Argument(help="Results of infer.py, or a cohort, whose own masks are then taken.")],
    question: Annotated[
        list[str] | None, typer.Option(help="Name of a question (docs/answers.md), or all; repeat for more.")
    ] = None,
    cohort: Annotated[
        Path | None, typer.Option(help="Cohort of the results: PETs, organ maps, transforms, primary sites, therapy.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; default: RESULTS/answers.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A project choice, as staging.p_lesion=0.6; repeat for more.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one per core.")] = None,
    text: Annotated[bool, typer.Option("--text", help="Print the answers as sentences.")] = False,
    patient: Annotated[list[str] | None, typer.Option(help="With --text: only these patients.")] = None,
) -> None:
    """Answer the study's questions from lesions: stage, primary, receptors, discordance, response, and more."""
    from netlesion.answers.cohort import answer_cohort
    from netlesion.answers.document import text_of
    from netlesion.answers.settings import settings_of
    from netlesion.errors import ConfigError
    from netlesion.output.cores import available_cores

    settings = settings_of(given_settings(set_ or ()))
    found = answer_cohort(results, cohort, out, question or ("all",), settings, workers or available_cores())
    wanted = [p.removeprefix("sub-") for p in patient or found.answers]
    unknown = [p for p in wanted if p not in found.answers and p not in found.failures]
    if unknown:
        raise ConfigError(f"--patient {unknown[0]} is not among the results; there are {', '.join(found.answers)}")
    if text:
        for name in (p for p in wanted if p in found.answers):
            print(text_of(name, found.answers[name]))
    print(f"{len(found.answers)} patients answered, {len(found.failures)} failed")
    print(f"answers {found.folder}")
    for line in found.failures.values():
        print(f"error: {line}", file=sys.stderr)
    if found.failures:
        raise typer.Exit(1)


def given_settings(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`staging.p_lesion=0.6` for each setting -> question -> name -> value; raises ConfigError for other words."""
    from netlesion.errors import ConfigError

    given: dict[str, dict[str, Any]] = {}
    for word in words:
        path, equals, value = word.partition("=")
        question, dot, name = path.partition(".")
        if not equals or not dot or not name:
            raise ConfigError(
                f"--set {word!r} is not understood; expected QUESTION.NAME=VALUE, as staging.p_lesion=0.6"
            )
        try:
            given.setdefault(question, {})[name] = json.loads(value)
        except ValueError:
            given.setdefault(question, {})[name] = value
    return given
