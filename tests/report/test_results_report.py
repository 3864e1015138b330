"""Every page of a results folder: what a reader finds, what is missing, and that no name is ever markup."""

import json
import re
from html.parser import HTMLParser

import pytest

from netlesion.errors import CohortError
from netlesion.io.bids.cohort import open_cohort
from netlesion.report.results_report import write_reports
from tests.report.results_folders import write_answers, write_patient

HOSTILE = ['<img src=x onerror=alert("1")>&amp;', "مريض ‮evil", "x" * 200, "'\"><script>alert(1)<"]


class Page(HTMLParser):
    """Tags with their attributes, links, ids, and the words of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag, name):
        return [attrs[name] for t, attrs in self.tags if t == tag and name in attrs]


@pytest.fixture
def folders(tmp_path):
    cohort, results = tmp_path / "cohort", tmp_path / "results"
    for name in ("P1", "P2"):
        write_patient(cohort, results, name)
    return cohort, results


def page(path):
    return Page(path.read_text(encoding="utf-8"))


def test_a_physician_finds_number_place_and_heat_of_lesions(folders):
    cohort, results = folders
    answers = [
        {"question": "differential", "visit": "P1", "rows": [{"lesion": "P1_trc-fdg/1", "region": "small_bowel"}]},
        {"question": "staging", "category": "M1a", "reasons": [{"text": "Because.", "lesions": ["P1_trc-fdg/1"]}]},
        {"question": "primary", "status": "not_assessable", "reasons": [{"text": "No map is there.", "lesions": []}]},
    ]
    write_answers(results, "P1", answers)
    write_reports(results, open_cohort(cohort).visits)
    found = page(results / "report" / "sub-P1.html")
    for words in ("2 on FDG", "Small bowel", "not a medical device", "SUV 0", "7 g/ml or more", "M1a", "Because."):
        assert words in found.text
    assert "Against the liver: not assessable, the liver was not measured." in found.text
    assert "Not assessable No map is there." in found.text
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    inner = [link[1:] for link in found.all("a", "href") if link.startswith("#")]
    assert {"lesion-0", "tile-0", "answers"} <= set(inner) <= set(ids)
    data = json.loads(re.search(r'id="outlines">(.*?)</script>', (results / "report/sub-P1.html").read_text())[1])
    assert {len(paths) for paths in data["P1/fdg"]["o"].values()} == {18}
    assert len(found.all("img", "alt")) == len(found.all("img", "src")) == 2


def test_the_cohort_page_links_every_patient_and_tells_failures_and_what_is_missing(folders):
    cohort, results = folders
    write_patient(cohort, results, "P3")
    (results / "P3" / "provenance.json").unlink()
    write_patient(cohort, results, "P4")
    record = {"failures": {"P4": "PET_image.nii.gz: not a readable NIfTI"}}
    (results / "provenance.json").write_text(json.dumps(record))
    found = page(write_reports(results, open_cohort(cohort).visits, title="Ours", workers=1))
    assert "4 patients, 2 visits finished, 1 failed, 1 not finished" in found.text
    assert "P4 : PET_image.nii.gz: not a readable NIfTI" in found.text
    assert "1 visit of the cohort has no results P3" in found.text
    links = [link for link in found.all("a", "href") if link.startswith("report/")]
    assert links == ["report/sub-P1.html", "report/sub-P2.html"]
    assert all((results / link).is_file() for link in links)


def test_without_the_cohort_the_numbers_are_there_and_pictures_are_asked_for(folders):
    found = page(write_reports(folders[1]))
    assert "2 patients" in found.text
    patient = page(folders[1] / "report" / "sub-P1.html")
    assert "Give their cohort with --cohort" in patient.text
    assert not patient.all("img", "src")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_ever_markup_and_no_file_leaves_the_folder(tmp_path, name):
    cohort, results = tmp_path / "cohort", tmp_path / "results"
    case = write_patient(cohort, results, name, spots=((6, 9, 20),))
    said = {"text": f"It is {name}.", "lesions": [f"{case}/1"]}
    write_answers(results, name, [{"question": name, "visit": name, "category": name, "reasons": [said]}])
    before = {p for p in tmp_path.rglob("*") if "report" not in str(p.relative_to(tmp_path))}
    write_reports(results, open_cohort(cohort).visits, title=name)
    assert before == {p for p in tmp_path.rglob("*") if "report" not in str(p.relative_to(tmp_path))}
    pages = [results / "report.html", *(results / "report").glob("*.html")]
    assert len(pages) == 2
    for path in pages:
        assert len(path.name) < 80
        found = page(path)
        assert name in "".join(found.words)
        assert [t for t, _ in found.tags].count("script") == 1 + (path.parent.name == "report")
        assert not any("onerror" in attrs for _, attrs in found.tags)
        assert all(src.startswith("data:image/") for src in found.all("img", "src"))


def test_every_page_forbids_the_network_and_every_script_but_its_own(folders):
    import base64
    import hashlib

    write_reports(folders[1], open_cohort(folders[0]).visits)
    for path in (folders[1] / "report.html", folders[1] / "report" / "sub-P1.html"):
        text = path.read_text()
        script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
        (policy,) = [content for content in Page(text).all("meta", "content") if "default-src" in content]
        assert len(script) == 1
        assert f"script-src 'sha256-{digest}'" in policy
        assert policy.startswith("default-src 'none'")
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
        assert len(text.encode()) < 3_000_000


def test_200_patients_fill_a_page(folders, monkeypatch):
    monkeypatch.setattr("netlesion.report.cohort_page.PER_PAGE", 1)
    first = page(write_reports(folders[1], open_cohort(folders[0]).visits))
    second = page(folders[1] / "report-2.html")
    assert "report-2.html" in first.all("a", "href")
    assert "report.html" in second.all("a", "href")
    assert [link for link in second.all("a", "href") if "/" in link] == ["report/sub-P2.html"]


@pytest.mark.ci
def test_processes_write_the_same_pages_as_one(folders):
    def pages():
        return {p.name: p.read_text() for p in folders[1].rglob("*.html")}

    visits = open_cohort(folders[0]).visits
    write_reports(folders[1], visits, workers=1)
    alone = pages()
    write_reports(folders[1], visits, workers=2)
    assert pages() == alone


def test_a_folder_without_results_and_another_cohort_are_refused(folders, tmp_path):
    with pytest.raises(CohortError, match="no such folder; expected one that infer.py wrote"):
        write_reports(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CohortError, match="holds no finished visit"):
        write_reports(tmp_path / "empty")
    write_patient(tmp_path / "other", tmp_path / "r", "Q")
    with pytest.raises(CohortError, match="has results of P1, which the cohort does not hold"):
        write_reports(folders[1], open_cohort(tmp_path / "other").visits)


def test_an_image_that_is_gone_leaves_the_numbers_and_one_line(folders):
    (folders[0] / "P1" / "PET_image.nii.gz").write_bytes(b"broken")
    write_reports(folders[1], open_cohort(folders[0]).visits)
    found = page(folders[1] / "report" / "sub-P1.html")
    assert "P1: no pictures. PET_image.nii.gz: not a readable NIfTI" in found.text
    assert "2 on FDG" in found.text
