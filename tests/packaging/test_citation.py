"""CITATION.cff names the version that the package has."""

import re

from netlesion import __version__
from tests.packaging.checkout import ROOT


def test_the_citation_is_of_this_version():
    (cited,) = re.findall(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited == __version__
