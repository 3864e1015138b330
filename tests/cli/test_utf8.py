"""A name with an umlaut is a name in every locale, and what a terminal cannot show is no error."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netlesion.datasets.dicom.importer import import_dicom
from netlesion.output.atomic import write_text
from tests.synthetic_dicom import write_series

SCRIPT = """
import os, sys
from netlesion.cli.utf8 import use_utf8
use_utf8()
from netlesion.output.atomic import write_text
(name,) = os.listdir(sys.argv[1])
write_text(os.path.join(sys.argv[1], "..", "out.tsv"), name)
print(name)
"""


@pytest.mark.parametrize(
    "locale",
    [
        {},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["utf-8", "C", "POSIX", "ascii output"],
)
def test_a_name_is_the_same_in_every_locale(tmp_path, locale):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Müller").touch()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "in")], env=environment | locale, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.tsv").read_bytes() == "Müller".encode()
    assert done.stdout.strip() in ("Müller".encode(), b"M\\xfcller")


def test_a_name_in_another_encoding_is_written_as_an_escape(tmp_path):
    write_text(tmp_path / "x", os.fsdecode(b"M\xfcller"))
    assert (tmp_path / "x").read_text(encoding="utf-8") == r"M\udcfcller"


def test_a_caller_that_cannot_print_refuses_no_series(tmp_path):
    write_series(tmp_path / "e", np.arange(60, dtype=np.int16).reshape(5, 3, 4))
    told = []

    def progress(path):
        told.append(path)
        raise UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range")

    with pytest.raises(UnicodeEncodeError):
        import_dicom(tmp_path / "e", tmp_path / "c", progress=progress)
    assert len(told) == 1
    again = import_dicom(tmp_path / "e", tmp_path / "c")
    assert (again.failures, len(again.present)) == ((), 1)
