"""Every citation of docs/clinical.md, in code, tests, documents and configurations, names a section that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "clinical.md"
FOLDERS = ("netlesion", "tests", "bench", "docs", "configs", "notebooks")
KINDS = {".py", ".md", ".yaml", ".ipynb", ".j2"}

#: One citation: the page's name, across a line break with its comment mark too, then one or several sections.
SECTION = r"\d(?:\.\d)?"
CITATION = re.compile(rf"clinical\.md[\s#:`]+({SECTION}(?:(?:, | and |-)\d\.\d)*)")


def cited(text: str) -> list[str]:
    """The sections that a text cites, in order; a range counts by its ends."""
    return [section for match in CITATION.finditer(text) for section in re.findall(SECTION, match[1])]


def headings() -> list[str]:
    return re.findall(rf"^#+ ({SECTION})\.? ", PAGE.read_text(encoding="utf-8"), flags=re.M)


def sources() -> list[Path]:
    own = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    found = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.suffix in KINDS]
    return own + [p for p in found if p != Path(__file__).resolve()]


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("(clinical.md 7.2: 5-10 mm)", ["7.2"]),
        ("Source: clinical.md 8.3, 8.4; kappa", ["8.3", "8.4"]),
        ("clinical.md 9.4-9.5). No name", ["9.4", "9.5"]),
        ("come from clinical.md 6 and 7.3", ["6", "7.3"]),
        ("of any lesion (clinical.md\n#: 6.5)", ["6.5"]),
        ("[the table](clinical.md#1.3)", ["1.3"]),
        ("as in clinical.md. Knows nothing", []),
    ],
)
def test_a_citation_is_read(text, sections):
    assert cited(text) == sections


def test_every_section_that_is_cited_exists():
    known = set(headings())
    by_file = {path: cited(path.read_text(encoding="utf-8")) for path in sources()}
    assert sum(map(len, by_file.values())) > 100, "the citations were not found; has the page been renamed?"
    assert [f"{p.relative_to(ROOT)}: {s}" for p, found in by_file.items() for s in found if s not in known] == []


def test_every_section_has_the_anchor_of_its_number():
    anchors = re.findall(rf'^<a id="({SECTION})"></a>$', PAGE.read_text(encoding="utf-8"), flags=re.M)
    assert anchors == headings()


def test_the_page_refers_to_sections_that_exist():
    inner = re.findall(rf"\b[Ss]ections? ({SECTION})", PAGE.read_text(encoding="utf-8"))
    assert len(inner) > 10
    assert set(inner) <= set(headings())
