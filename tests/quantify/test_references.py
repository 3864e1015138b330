from netlesion.quantify.references import ReferenceOrgan, ReferenceOrgans, read_references, write_references

LIVER = ReferenceOrgan(5.25, 0.5, 5.5, 14.25, (60.0, 20.5, -3.0), "organ map", ("fewer than 14 ml, all of it", "noisy"))
BLOOD = ReferenceOrgan(1.5, 0.25, 1.75, 1.5, (-10.0, -20.0, 80.0), "estimate")


def test_a_table_gives_back_what_was_found_and_why_the_rest_was_not(tmp_path):
    organs = ReferenceOrgans({"liver": LIVER, "blood_pool": BLOOD}, {"spleen": "the organ map has no spleen"})
    write_references(tmp_path / "reference_organs.tsv", {"case-1": organs, "case-2": ReferenceOrgans()})
    first, second = read_references(tmp_path / "reference_organs.tsv").values()
    assert (first.liver, first.spleen, first.blood_pool) == (LIVER, None, BLOOD)
    assert first.why_not("spleen") == "the organ map has no spleen"
    assert first.why_not("liver") is None
    assert second.liver is None
    assert second.why_not("liver") == "it was not measured"
