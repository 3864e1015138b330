"""One line where the library that writes objects is not installed."""

import sys

import pytest

from netlesion.errors import ConfigError
from netlesion.io.dicom.objects.maker import highdicom


def test_a_missing_library_is_one_line_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(ConfigError, match="pip install 'highdicom") as caught:
        highdicom()
    assert len(str(caught.value).splitlines()) == 1
