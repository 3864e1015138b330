"""A broken file costs one clear line that names it; the good series beside it still comes through.

Every variant lies in one export beside one good PET. No line and no output may hold an identity, nothing may be
half-written, and no header that lies may cost memory.
"""

import os
import resource
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import MPEG2MPML, JPEG2000Lossless, JPEGLosslessSV1, RLELossless, generate_uid

from netlesion.io.importers.dicom import import_dicom
from tests.io.dicom_objects import square, write_enhanced, write_rtstruct, write_seg
from tests.synthetic_dicom import write_series

pytestmark = pytest.mark.filterwarnings("ignore:.*VR D[AS]:UserWarning")  # written broken on purpose
STORED = np.arange(5 * 3 * 4, dtype=np.int16).reshape(5, 3, 4) * 50
SECRETS = ("4711", "Doe", "Jane", "19500102", "1950", "Hospital of", "Mueller")


def series(folder, modality="PT", **changes):
    changes = {"InstitutionName": "Hospital of Mueller", "PatientID": f"Doe-4711-{folder.name}"} | changes
    return write_series(folder, STORED, modality, changes=changes)


def edit(path, **changes):
    """Sets (or, with None, deletes) fields of one written file."""
    dataset = pydicom.dcmread(path)
    for name, value in changes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path)


def patch(path, old: bytes, new: bytes):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def _element(group, element, vr, value: bytes, length=None):
    head = group.to_bytes(2, "little") + element.to_bytes(2, "little") + vr
    length = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"UN", b"SQ", b"UT"):
        return head + b"\0\0" + length.to_bytes(4, "little") + value
    return head + length.to_bytes(2, "little") + value


def insert_before_pixels(path, element: bytes):
    content = path.read_bytes()
    at = content.rindex(b"\xe0\x7f\x10\x00OW")
    path.write_bytes(content[:at] + element + content[at:])


def set_syntax(path, syntax, payload=b"\0" * 64):
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = pydicom.encaps.encapsulate([payload])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)


# Each variant makes something broken in a folder and returns the name that a line must hold.
VARIANTS = {}


def variant(build):
    VARIANTS[build.__name__.removeprefix("v_")] = build
    return build


def changed(name, modality="PT", index=2, **changes):
    def build(folder):
        path = series(folder, modality)[index]
        edit(path, **changes)
        return path.name

    VARIANTS[name] = build


def changed_all(name, modality="PT", **changes):
    def build(folder):
        for path in series(folder, modality):
            edit(path, **changes)
        return path.parent.name

    VARIANTS[name] = build


def cut(name, share):
    def build(folder):
        path = series(folder)[1]
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path.name

    VARIANTS[name] = build


def junk(name, file, content):
    def build(folder):
        folder.mkdir()
        (folder / file).write_bytes(content)
        return file

    VARIANTS[name] = build


for percent in (20, 35, 50, 65, 80, 90, 96, 99):
    cut(f"cut at {percent} percent", percent / 100)
changed("rows lie", Rows=4)
changed("rows gigantic", Rows=65535, Columns=65535)
changed("columns lie", Columns=500)
changed("rows zero", Rows=0)
changed("rows missing", Rows=None)
changed("columns differ", Rows=5, Columns=3)
changed("bits lie", BitsAllocated=32, BitsStored=32, HighBit=31)
changed("bits odd", BitsAllocated=13)
changed("bits zero", BitsAllocated=0)
changed("no position", ImagePositionPatient=None)
changed("no orientation", ImageOrientationPatient=None)
changed("orientation zero", ImageOrientationPatient=[0, 0, 0, 0, 0, 0])
changed("orientation skew", ImageOrientationPatient=[1, 0, 0, 1, 0, 0])
changed("turned slice", ImageOrientationPatient=[0, 1, 0, 1, 0, 0])
changed("position far", index=3, ImagePositionPatient=[0, 0, 1e6])
changed("position shuffled", ImagePositionPatient=[-10, -20, 30])
changed("position off axis", ImagePositionPatient=[90, -20, 38])
changed("spacing zero", PixelSpacing=[0, 0])
changed("spacing negative", PixelSpacing=[-1, 2])
changed("spacing huge", PixelSpacing=[1e8, 1e8])
changed("spacing missing", PixelSpacing=None)
changed("series class differs", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
changed("study differs", StudyInstanceUID="1.2.3.4")
changed("patient differs", PatientID="Doe-4711-other")
changed("series uid missing", SeriesInstanceUID=None)
changed("class missing", SOPClassUID=None)
changed("samples three", SamplesPerPixel=3)
changed("slope zero", RescaleSlope=0)
changed("slope missing", modality="CT", RescaleSlope=None)
changed("frames many", NumberOfFrames=3)
changed("frames negative", NumberOfFrames=-5)
changed_all("patient id missing", PatientID=None)
changed_all("study date missing", StudyDate=None, SeriesDate=None, AcquisitionDate=None)
changed_all("study date wrong", StudyDate="20249999", SeriesDate="20249999", AcquisitionDate="00010101")
changed_all("traversal in ids", PatientID="../../etc/passwd", StudyDate="../../../", SeriesDate="", AcquisitionDate="")
changed_all("weight missing", PatientWeight=None)
changed_all("units unknown", Units="PROPCPS")
changed_all("series time after scan", SeriesDate="20240315", PatientWeight=500.0)
changed_all("number of slices lies", NumberOfSlices=9)
changed_all("decay correction text", DecayCorrection="MUELLER")
junk("dcm of zeros", "zeros.dcm", b"\0" * 4000)
junk("dcm of text", "text.dcm", b"Doe, Jane 4711" * 50)
junk("dcm empty", "empty.dcm", b"")
junk("short with marker", "SHORT", b"\0" * 128 + b"DICM")
junk("marker and noise", "NOISE", b"\0" * 128 + b"DICM" + bytes(range(256)) * 8)
junk("no preamble noise", "IM0", b"\x08\x00\x05\x00CS\xff\xff" + b"\xfe" * 300)
junk("meta only", "META", b"\0" * 128 + b"DICM" + _element(2, 0, b"UL", (4).to_bytes(4, "little")))


@variant
def v_missing_slice(folder):
    series(folder)[1].unlink()
    return "002.dcm"


@variant
def v_duplicate_position(folder):
    paths = series(folder)
    edit(paths[1], ImagePositionPatient=pydicom.dcmread(paths[2]).ImagePositionPatient)
    return "00"


@variant
def v_two_images_under_one_instance(folder):
    paths = series(folder)
    edit(paths[1], SOPInstanceUID=pydicom.dcmread(paths[2]).SOPInstanceUID)
    return "002.dcm"


@variant
def v_two_birth_dates(folder):
    series(folder / "a", PatientID="Doe-4711-two")
    series(folder / "b", PatientID="Doe-4711-two", PatientBirthDate="19500103")
    return "birth dates"


@variant
def v_element_longer_than_file(folder):
    path = series(folder)[1]
    insert_before_pixels(path, _element(0x0029, 0x1010, b"UN", b"", 0xFFFFFFF0))
    return path.name


@variant
def v_known_element_longer_than_file(folder):
    path = series(folder)[1]
    insert_before_pixels(path, _element(0x5200, 0x9230, b"SQ", b"", 0x7FFFFFF0))
    return path.name


@variant
def v_pixel_length_gigantic(folder):
    path = series(folder)[1]
    patch(path, b"\xe0\x7f\x10\x00OW\0\0" + (30).to_bytes(4, "little"), b"\xe0\x7f\x10\x00OW\0\0\xf0\xff\xff\xff")
    return path.name


@variant
def v_pixel_length_undefined(folder):
    path = series(folder)[1]
    patch(path, b"\xe0\x7f\x10\x00OW\0\0" + (30).to_bytes(4, "little"), b"\xe0\x7f\x10\x00OW\0\0\xff\xff\xff\xff")
    return path.name


@variant
def v_private_vr_garbage(folder):
    path = series(folder)[1]
    insert_before_pixels(path, _element(0x0029, 0x1010, b"\x01\x7f", b"\xff" * 40))
    return path.name


@variant
def v_nested_to_death(folder):
    path = series(folder)[1]
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    deep = b"".join(_element(0x5200, 0x9230, b"SQ", b"", 0xFFFFFFFF) + item for _ in range(3000))
    insert_before_pixels(path, deep)
    return path.name


@variant
def v_deflate_bomb(folder):
    path = series(folder)[1]
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    dataset.save_as(path)
    content = path.read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    with path.open("wb") as file:
        file.write(content[:start])
        for _ in range(64):
            file.write(packer.compress(b"\0" * 2**20))
        file.write(packer.flush())
    return path.name


@variant
def v_rle_bomb(folder):
    for path in series(folder):
        set_syntax(path, RLELossless)
        edit(path, Rows=60000, Columns=60000)
    return ".dcm"


@variant
def v_jpeg2000_garbage(folder):
    path = series(folder)[1]
    for p in path.parent.iterdir():
        set_syntax(p, JPEG2000Lossless)
    return ".dcm"


@variant
def v_jpeg_lossless_garbage(folder):
    for path in series(folder):
        set_syntax(path, JPEGLosslessSV1)
    return ".dcm"


@variant
def v_a_film(folder):
    for path in series(folder):
        set_syntax(path, MPEG2MPML)
    return "MPEG2"


@variant
def v_unknown_syntax(folder):
    path = series(folder)[1]
    for p in path.parent.iterdir():
        set_syntax(p, "1.2.3.4.5")
    return "not readable"


@variant
def v_two_doses(folder):
    for path in series(folder):
        dataset = pydicom.dcmread(path)
        dataset.RadiopharmaceuticalInformationSequence.append(dataset.RadiopharmaceuticalInformationSequence[0])
        dataset.save_as(path)
    return "tracer"


@variant
def v_tracer_unknown(folder):
    series(folder, **{"dose.Radiopharmaceutical": "Mueller's own"})
    return "tracer"


@variant
def v_tracer_contradicts_nuclide(folder):
    series(folder, **{"dose.Radiopharmaceutical": "FDG"})
    return "radionuclide 68Ga"


@variant
def v_slices_of_two_doses(folder):
    path = series(folder)[1]
    dataset = pydicom.dcmread(path)
    dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = 1e8
    dataset.save_as(path)
    return "001.dcm"


@variant
def v_number_that_is_text(folder):
    for path in series(folder):
        patch(path, b"\x10\x00\x30\x10DS", b"\x10\x00\x30\x10LO")
        content = path.read_bytes()
        at = content.index(b"\x10\x00\x30\x10LO") + 8
        path.write_bytes(content[:at] + b"Doe " + content[at + 4 :])
    return "PatientWeight"


@variant
def v_enhanced_without_groups(folder):
    path = write_enhanced(folder / "IM1", series(folder / "c", "CT"), "CT")
    edit(path, PerFrameFunctionalGroupsSequence=Sequence([Dataset()]), SeriesInstanceUID=generate_uid())
    return "IM1"


@variant
def v_enhanced_with_a_lying_count(folder):
    path = write_enhanced(folder / "IM1", series(folder / "c", "CT"), "CT")
    edit(path, NumberOfFrames=100000, SeriesInstanceUID=generate_uid())
    return "IM1"


@variant
def v_contours_beside_the_slices(folder):
    write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 31.9, 3))])])
    return "RS"


@variant
def v_contours_of_two_points(folder):
    write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 30, 3)[:2])])])
    return "RS"


@variant
def v_contours_of_text(folder):
    path = write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 30, 3))])])
    patch(path, b"-9.000000", b"Doe^Jane4")
    return "RS"


@variant
def v_contours_at_infinity(folder):
    write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(1e30, -12, 30, 3))])])
    return "RS"


@variant
def v_rtstruct_cut(folder):
    path = write_rtstruct(folder / "RS", series(folder)[0], [("GTV", [("CLOSED_PLANAR", square(-6, -12, 30, 3))])])
    path.write_bytes(path.read_bytes()[:-100])
    return "RS"


@variant
def v_segmentation_on_another_grid(folder):
    frame = {"position": (-9.7, -20, 30), "orientation": (1, 0, 0, 0, 1, 0), "spacing": (3, 2), "segment": 1}
    write_seg(folder / "SEG", series(folder)[0], [frame | {"pixels": np.ones((3, 5), bool)}])
    return "SEG"


@variant
def v_segmentation_cut(folder):
    frame = {"position": (-10, -20, 30), "orientation": (1, 0, 0, 0, 1, 0), "spacing": (3, 2), "segment": 1}
    path = write_seg(folder / "SEG", series(folder)[0], [frame | {"pixels": np.ones((3, 5), bool)}])
    path.write_bytes(path.read_bytes()[:-2])
    return "SEG"


@variant
def v_zip(folder):
    folder.mkdir()
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        archive.writestr("../../escape.dcm", "Doe")
    return "export.zip: a zip archive"


@variant
def v_zip_that_claims_to_be_dicom(folder):
    folder.mkdir()
    with zipfile.ZipFile(folder / "export.dcm", "w") as archive:
        archive.writestr("../../escape.dcm", "Doe" * 100)
    return "export.dcm"


@variant
def v_links(folder):
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "out.dcm").symlink_to("/etc/hostname")
    (folder / "nowhere").symlink_to("/nonexistent")
    return "out.dcm: a symbolic link"


@variant
def v_pipe(folder):
    folder.mkdir()
    os.mkfifo(folder / "pipe.dcm")
    return "pipe.dcm: not a regular file"


@variant
def v_name_with_newline(folder):
    folder.mkdir()
    (folder / "two\nlines.dcm").write_bytes(b"x" * 500)
    return "two?lines.dcm"


def lines_of(result):
    return [*result.failures, *result.skipped, *result.warnings, *result.present]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """One import of every variant and one good series, with at most 2 GiB of address space more than in use."""
    root = tmp_path_factory.mktemp("broken")
    expected = {}
    for number, (name, build) in enumerate(VARIANTS.items()):
        expected[name] = (f"v{number:03d}", build(root / "export" / f"v{number:03d}"))
    series(root / "export" / "good", PatientID="Doe-4711-good")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30, before[1]))
    try:
        result = import_dicom(root / "export", root / "cohort", workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    return root, result, expected


def test_there_are_enough_variants():
    assert len(VARIANTS) >= 60


@pytest.mark.parametrize("name", VARIANTS)
def test_a_broken_export_costs_one_line_that_names_it(outcome, name):
    _, result, expected = outcome
    folder, needle = expected[name]
    lines = [line for line in lines_of(result) if line.startswith(folder)]
    assert any(needle in line for line in lines), lines
    assert all("\n" not in line and len(line) < 400 for line in lines)


def test_no_line_and_no_file_holds_an_identity(outcome):
    root, result, _ = outcome
    for line in lines_of(result):
        assert not [secret for secret in SECRETS if secret in line], line
    for path in (root / "cohort").rglob("*"):
        if path.suffix != ".gz" and path.is_file():
            assert not [s for s in SECRETS if s in path.read_text(encoding="utf-8")], path


def test_the_good_series_comes_through_and_nothing_is_half_written(outcome):
    root, result, expected = outcome
    assert any("trc-dotatate" in str(path) for path in result.written)
    images = [p for p in (root / "cohort").rglob("*.nii.gz") if "desc-suvbw" not in p.name]
    assert sorted(images) == sorted(result.written)
    assert not list(root.rglob(".part-*"))
    assert sorted(p.name for p in root.iterdir()) == ["cohort", "cohort.key.tsv", "export"]
    assert not (root.parent / "escape.dcm").exists()
    key = (root / "cohort.key.tsv").read_text()
    assert "Doe-4711-good" in key


def test_random_bytes_in_a_file_never_stop_an_import(tmp_path):
    """Bytes of one slice overwritten at random places, 60 times: a line or a whole image, never a crash."""
    random = np.random.default_rng(5)
    for n in range(60):
        path = series(tmp_path / "export" / f"f{n:02d}")[1]
        content = bytearray(path.read_bytes())
        for at in random.integers(132, len(content) - 30, size=8):
            content[at] = int(random.integers(256))
        path.write_bytes(bytes(content))
    result = import_dicom(tmp_path / "export", tmp_path / "cohort", workers=1)
    images = [p for p in result.written if p.name.endswith("_pet.nii.gz")]
    assert len(images) + len({line[:3] for line in result.failures}) >= 60
