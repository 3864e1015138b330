"""Which map a patient has, and that what was measured of a map is kept by its content."""

from pathlib import Path

import numpy as np
import pytest

from netlesion.errors import ConfigError
from netlesion.io.nifti import write_volume
from netlesion.phantom.digital_cohort.anatomy import complete_of, forget, map_of, measured
from tests.phantom.body.test_from_labels import few_organs


def test_every_map_is_used_once_before_any_is_used_twice():
    maps = [Path(f"{n}.nii.gz") for n in range(7)]
    runs = [[map_of(i, 3, maps) for i in range(start, start + 7)] for start in (0, 7)]
    assert all(sorted(run) == maps for run in runs)
    assert runs[0] != runs[1]
    assert runs[0] != [map_of(i, 4, maps) for i in range(7)]


def test_what_was_measured_is_kept_until_the_map_changes(tmp_path):
    path, cache = tmp_path / "p.nii.gz", tmp_path / "cache"
    labels = few_organs(spacing_mm=8.0)
    write_volume(path, labels)
    forget()
    first = measured(path, "auto", cache)
    (kept,) = cache.iterdir()
    when = kept.stat().st_mtime_ns
    forget()
    again = measured(path, "auto", cache)
    assert kept.stat().st_mtime_ns == when
    assert np.array_equal(first.shapes["liver"].distance_IJK, again.shapes["liver"].distance_IJK)
    kept.write_bytes(b"torn")
    forget()
    assert measured(path, "auto", cache).organs.keys() == first.organs.keys()
    array = labels.array.copy()
    array[array == array[array > 0].min()] = 0
    write_volume(path, labels.with_array(array))
    forget()
    assert measured(path, "auto", cache).organs.keys() != first.organs.keys()
    assert len(list(cache.iterdir())) == 2
    forget()


def test_an_unknown_word_is_refused():
    assert complete_of("never") == "never"
    with pytest.raises(ConfigError, match="expected one of auto, always, never"):
        complete_of("sometimes")
