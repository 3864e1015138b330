"""What a dashboard gets of run folders: each row and picture once, a run that was begun again anew."""

import json

from netlesion.cli.dashboard import Mirror
from tests.typed import netlesion


class Store:
    def __init__(self):
        self.rows = {}

    def bulk_log(self, project, run, metrics_list, steps, timestamps):
        assert len(metrics_list) == len(steps) == len(timestamps)
        self.rows.setdefault(run, []).extend(zip(steps, metrics_list, strict=True))

    def delete_run(self, project, run):
        del self.rows[run]


def write(folder, *rows):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.csv").write_text("time,epoch,step,train/loss\n" + "".join(f"t,0,{s},{v}\n" for s, v in rows))


def test_each_row_comes_once_and_new_ones_are_added(tmp_path):
    store = Store()
    mirror = Mirror(tmp_path, store, lambda run, step, path, caption: (path.name, caption))
    write(tmp_path / "net", (0, 1.5))
    write(tmp_path / "cv" / "fold-0", (0, 2.5))
    assert (mirror.update(), mirror.update()) == (2, 0)
    write(tmp_path / "net", (0, 1.5), (1, 1.25))
    (tmp_path / "net" / "froc.png").write_bytes(b"png")
    event = {"time": "t", "event": "validation", "step": 1, "files": {"froc.png": {"file": "froc.png", "caption": "c"}}}
    (tmp_path / "net" / "events.jsonl").write_text(json.dumps(event) + "\n")
    assert mirror.update() == 2
    assert store.rows["net"] == [
        (0, {"train/loss": 1.5}),
        (1, {"train/loss": 1.25}),
        (1, {"val/froc": ("froc.png", "c")}),
    ]
    assert store.rows["cv/fold-0"] == [(0, {"train/loss": 2.5})]
    (tmp_path / "net" / "events.jsonl").unlink()
    write(tmp_path / "net", (0, 9.0))
    mirror.update()
    assert store.rows["net"] == [(0, {"train/loss": 9.0})]


def test_what_it_lacks_is_one_line(tmp_path):
    done = netlesion("dashboard", tmp_path / "absent")
    assert (done.returncode, "no such folder" in done.stderr) == (1, True)
