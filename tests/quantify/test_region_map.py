"""Every label of every source maps to an organ, and to a region or to a reason why it is none; codes are SNOMED's."""

import re

import pytest
from pydicom.sr._concepts_dict import concepts

from netlesion.models.organs import ORGAN_NAMES
from netlesion.phantom.body.labels import LABELS, TOTALSEGMENTATOR
from netlesion.quantify.region_map import organ_of, region_map
from tests.quantify import recorded_labels

LISTS = {
    **{f"totalsegmentator {task}": labels.split() for task, labels in recorded_labels.TOTALSEGMENTATOR.items()},
    "totalsegmentator total": list(TOTALSEGMENTATOR),
    "moose all": recorded_labels.MOOSE.split(),
    "netlesion all": list(LABELS),
    "organ_head all": [name for name in ORGAN_NAMES if name != "other"],
}
#: Ribs one by one: codes of TotalSegmentator's own table, which DICOM does not use.
RIBS = {
    "48535007", "78247007", "25888004", "25523003", "15339008", "59558009", "24915002", "5953002", "22565002",
    "77644006", "58830002", "43993008",
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_every_label_maps_or_is_listed_as_unmapped(name):
    source = name.split()[0]
    assert len(LISTS[name]) == len(set(LISTS[name]))
    missing = [label for label in LISTS[name] if (source, label) not in region_map()]
    assert missing == []


def test_the_table_lists_no_label_that_no_source_has():
    known = {(name.split()[0], label) for name, labels in LISTS.items() for label in labels}
    assert set(region_map()) == known


def test_a_label_has_a_region_or_a_reason_and_never_both():
    wrong = [key for key, organ in region_map().items() if (organ.region is None) == (organ.unmapped is None)]
    assert wrong == []


def test_labels_that_two_sources_share_mean_the_same():
    assert [key for key, organ in region_map().items() if organ_of(key[1]) != organ] == []


def test_an_organ_has_one_region_and_one_code():
    by_organ = {}
    for key, organ in region_map().items():
        assert by_organ.setdefault(organ.organ, organ) == organ, key


def test_codes_are_in_the_dictionary_of_dicom():
    known = {code for codes in concepts["SCT"].values() for code in codes}
    codes = {organ.snomed for organ in region_map().values()} - {None}
    assert codes - known == RIBS
    without = {organ.organ for organ in region_map().values() if organ.snomed is None}
    assert without == {"bowel", "cricoid_cartilage", "intervertebral_discs", "liver_lesions", "lung_nodules"}


def test_sides_and_levels_stay_as_they_are():
    for (_, label), organ in region_map().items():
        for pattern in (r"(left|right)", r"(?:vertebrae?|rib_left|rib_right)_([CTLS]?\d+)$"):
            there, kept = re.search(pattern, label), re.search(pattern, organ.organ)
            if kept is not None:
                assert there is not None, (label, organ)
                assert there[1] == kept[1], (label, organ)


@pytest.mark.parametrize(
    ("label", "organ", "region", "snomed"),
    [
        ("bladder", "urinary_bladder", "urinary_bladder", "89837001"),
        ("urinary_bladder", "urinary_bladder", "urinary_bladder", "89837001"),
        ("vertebra_L1", "vertebrae_L1", "bone", "66794005"),
        ("clavicle_left", "clavicula_left", "bone", "51299004"),
        ("liver_segment_4", "liver", "liver", "10200004"),
        ("iliac_vena_left", "iliac_vena_left", None, "46027005"),
    ],
)
def test_spellings_of_an_organ(label, organ, region, snomed):
    found = organ_of(label)
    assert (found.organ, found.region, found.snomed) == (organ, region, snomed)


def test_a_name_that_nobody_has_is_no_organ():
    assert organ_of("liverr") is None
