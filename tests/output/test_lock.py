"""A lock is held by one, whatever path leads to its place, and its file stays."""

import os

import pytest

from netlesion.errors import OutputError
from netlesion.output.atomic import atomic_folder, atomic_path
from netlesion.output.lock import alone


def test_one_at_a_time_by_any_path_and_again_afterwards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    places = ("a", tmp_path / "a", "link", "x/../a")
    with alone(places[0]):
        for place in places:
            with pytest.raises(OutputError, match="another run is writing here"), alone(place):
                raise AssertionError("held twice")
    with alone(places[-1]):
        pass
    assert not (tmp_path / "a").exists()


def test_a_run_that_left_nothing_leaves_no_lock_and_nobody_holds_the_one_taken_away(tmp_path, monkeypatch):
    import fcntl

    take, early = fcntl.flock, []

    def late(handle, how):
        if not early:  # the file is taken away between the opening and the lock of a second process
            early.append(handle)
            (tmp_path / ".a.lock").unlink()
        take(handle, how)

    with alone(tmp_path / "a"):
        pass
    with alone(tmp_path / "new" / "folder" / "a"):
        pass
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(fcntl, "flock", late)
    with alone(tmp_path / "a"):
        assert (tmp_path / ".a.lock").is_file()
        with pytest.raises(OutputError), alone(tmp_path / "a"):
            raise AssertionError("held twice")


def test_a_process_that_had_the_file_open_before_it_was_released_holds_the_same_lock(tmp_path):
    import fcntl

    (tmp_path / "a").mkdir()
    with alone(tmp_path / "a"):
        early = os.open(tmp_path / ".a.lock", os.O_RDWR)
    fcntl.flock(early, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(OutputError), alone(tmp_path / "a"):
        raise AssertionError("held twice")
    os.close(early)


def test_a_file_system_without_locks_and_a_parent_that_cannot_be_written(tmp_path, monkeypatch):
    import fcntl

    (tmp_path / "mounted").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with alone(tmp_path / "mounted"):
        assert (tmp_path / "mounted" / ".lock").is_file()

    def unknown(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with alone(tmp_path / "b"), alone(tmp_path / "b"):
        pass


@pytest.mark.parametrize("what", ["file", "folder"])
def test_leftovers_of_a_killed_run_go_and_what_is_being_written_stays(tmp_path, what):
    killed = [tmp_path / "a" / ".part-abcdefgh-x.nii.gz", tmp_path / "a" / "b" / "c" / ".part-a_3defgh-y"]
    for path in killed:
        path.mkdir(parents=True) if what == "folder" else path.parent.mkdir(parents=True, exist_ok=True)
        (path / "half" if what == "folder" else path).write_text("half")
    kept = [
        tmp_path / "a" / ".part-of-somebody-else",
        tmp_path / "a" / "part-abcdefgh-x",
        tmp_path / ".part-abcdefgh-z",
    ]
    for path in kept:
        path.write_text("whole")
    make = atomic_folder if what == "folder" else atomic_path
    with make(tmp_path / "a" / "now") as part, alone(tmp_path / "a"):
        assert part.exists()
        assert not any(path.exists() for path in killed)
    assert (tmp_path / "a" / "now").exists()
    assert all(path.exists() for path in kept)
