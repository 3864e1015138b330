"""`netlesion <verb>`: the command line. Each verb imports what it needs, so that --help is quick."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from netlesion.cli import exports, imports, run
from netlesion.cli.answer import answer
from netlesion.cli.calibrate import calibrate
from netlesion.cli.compare import compare
from netlesion.cli.dashboard import dashboard
from netlesion.cli.demo import demo
from netlesion.cli.evaluate import evaluate
from netlesion.cli.measure import measure
from netlesion.cli.organs import organs
from netlesion.cli.phantom import phantom
from netlesion.cli.plan_study import plan_study
from netlesion.cli.read import read
from netlesion.cli.register import register
from netlesion.cli.report import report
from netlesion.cli.suv import suv
from netlesion.cli.validate import validate
from netlesion.output.version import __version__

app = typer.Typer(
    help="From raw DICOM of dual-tracer PET/CT and PET/MR to measured, scored and reported lesions. "
    "Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
imports.add_verbs(app)
exports.add_verbs(app)
run.add_verbs(app)
for verb in (read, suv, register, measure, validate, answer, report, evaluate, calibrate, compare, plan_study):
    app.command()(verb)
for verb in (organs, phantom, dashboard, demo):
    app.command()(verb)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"netlesion {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs the command line; an error a user can put right is one line on stderr and exit status 1."""
    import warnings

    from netlesion.cli.utf8 import use_utf8
    from netlesion.errors import NetlesionError, warn_in_one_line
    from netlesion.output.interrupt import at_work, end_in_one_line, say_how_to_go_on

    use_utf8()
    end_in_one_line()
    say_how_to_go_on(lambda: "files that are there are whole; start the same command again to go on")
    warn_in_one_line()
    warnings.filterwarnings("ignore", module="pydicom")  # an error of ours is one line, not pydicom's and ours
    try:
        with at_work():
            app()
    except NetlesionError as error:
        sys.exit(_complain(str(error).splitlines()[0]))
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(f"{where}{error.strerror or error}"))


def _complain(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
