"""The files of a run folder as they grow: rows and columns, a kill in the middle of a line, a training that goes on."""

import json

import numpy as np
import pytest

from netlesion.output.run_files import read_events, read_metrics, run_folders
from netlesion.training.run_folder import RunFolderLogger


def test_a_table_grows_by_rows_and_by_columns(tmp_path):
    logger = RunFolderLogger(str(tmp_path / "run"))
    logger.log_metrics({"train/loss": 1.25, "epoch": 0}, step=9)
    logger.log_metrics({"val/froc": 1 / 3, "train/loss": float("nan")}, step=9)
    logger.log_metrics({"epoch": 1}, step=10)
    columns, rows = read_metrics(tmp_path / "run" / "metrics.csv")
    assert columns == ["time", "epoch", "step", "train/loss", "val/froc"]
    assert [{k: v for k, v in row.items() if k != "time"} for row in rows] == [
        {"epoch": "0", "step": "9", "train/loss": "1.25"},
        {"step": "9", "val/froc": "0.333333"},
    ]
    assert list(run_folders(tmp_path)) == [tmp_path / "run"]


def test_a_training_that_goes_on_forgets_what_it_will_do_again(tmp_path):
    logger = RunFolderLogger(str(tmp_path))
    for step in range(4):
        logger.log_metrics({"train/loss": float(step), "epoch": step // 2}, step=step)
        logger.event("validation", step=step)
    logger.event("stop", step=4)
    again = RunFolderLogger(str(tmp_path))
    again.go_on_from(2)
    again.log_metrics({"train/loss": 7.0, "val/dice": 0.5, "epoch": 1}, step=2)
    assert [(r["step"], r["train/loss"]) for r in read_metrics(tmp_path / "metrics.csv")[1]] == [
        ("0", "0"),
        ("1", "1"),
        ("2", "7"),
    ]
    events = [(e["event"], e["step"]) for e in read_events(tmp_path / "events.jsonl")]
    assert events == [("validation", 0), ("validation", 1), ("stop", 4)]


def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path):
    (tmp_path / "metrics.csv").write_text("time,epoch,step,a/b\nt,0,1,5\nt,0,2,")
    (tmp_path / "events.jsonl").write_text('{"event": "start", "step": 0}\n{"event": "val')
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.csv")[1]] == ["1"]
    assert len(read_events(tmp_path / "events.jsonl")) == 1
    RunFolderLogger(str(tmp_path)).go_on_from(5)
    assert (tmp_path / "metrics.csv").read_text() == "time,epoch,step,a/b\nt,0,1,5\n"


def test_pictures_tables_and_events(tmp_path):
    from PIL import Image

    logger = RunFolderLogger(str(tmp_path))
    rgb = np.zeros((3, 5, 3), np.uint8)
    rgb[1, 4] = (214, 39, 40)
    assert np.array_equal(np.asarray(Image.open(logger.picture("epoch-0001/worst_1", rgb))), rgb)
    path = logger.table("epoch-0001/sensitivity", ("tracer", "sensitivity"), (("fdg", 0.5), ("sstr", None)))
    assert path.read_text() == "tracer,sensitivity\nfdg,0.5\nsstr,\n"
    logger.event("end", best={"val/dice": 0.25})
    (event,) = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert (event["event"], event["best"]) == ("end", {"val/dice": 0.25})
    with pytest.raises(ValueError, match="JSON"):
        logger.event("end", loss=float("nan"))
