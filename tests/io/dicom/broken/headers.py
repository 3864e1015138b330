"""What a header says of patient, place, series and dose, and elements that cannot be."""

import pydicom

from tests.io.dicom.broken.variants import (
    changed,
    changed_all,
    edit,
    element,
    insert_before_pixels,
    patch,
    series,
    variant,
)

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
changed_all("patient id missing", PatientID=None)
changed_all("study date missing", StudyDate=None, SeriesDate=None, AcquisitionDate=None)
changed_all("study date wrong", StudyDate="20249999", SeriesDate="20249999", AcquisitionDate="00010101")
changed_all("traversal in ids", PatientID="../../etc/passwd", StudyDate="../../../", SeriesDate="", AcquisitionDate="")
changed_all("weight missing", PatientWeight=None)
changed_all("units unknown", Units="PROPCPS")
changed_all("series time after scan", SeriesDate="20240315", PatientWeight=500.0)
changed_all("number of slices lies", NumberOfSlices=9)
changed_all("decay correction text", DecayCorrection="MUELLER")


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
    insert_before_pixels(path, element(0x0029, 0x1010, b"UN", b"", 0xFFFFFFF0))
    return path.name


@variant
def v_known_element_longer_than_file(folder):
    path = series(folder)[1]
    insert_before_pixels(path, element(0x5200, 0x9230, b"SQ", b"", 0x7FFFFFF0))
    return path.name


@variant
def v_private_vr_garbage(folder):
    path = series(folder)[1]
    insert_before_pixels(path, element(0x0029, 0x1010, b"\x01\x7f", b"\xff" * 40))
    return path.name


@variant
def v_nested_to_death(folder):
    path = series(folder)[1]
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    deep = b"".join(element(0x5200, 0x9230, b"SQ", b"", 0xFFFFFFFF) + item for _ in range(3000))
    insert_before_pixels(path, deep)
    return path.name


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


changed_all("patient id of a megabyte", PatientID="Doe-4711" * 2**17)
changed_all("times that are names", SeriesTime="Doe", AcquisitionTime="Doe^Jane")


@variant
def v_a_number_that_is_none(folder):
    for path in series(folder):
        patch(path, b"\x28\x00\x53\x10DS\x04\x001.0 ", b"\x28\x00\x53\x10DS\x04\x00nan ")
    return "RescaleSlope"


@variant
def v_twenty_thousand_private_elements(folder):
    path = series(folder)[1]
    many = b"".join(element(0x0029, n % 0xF000, b"LO", b"Doe^Jane") for n in range(0x1000, 0x5000))
    insert_before_pixels(path, many + element(0x0029, 0x1010, b"UN", b"", 0xFFFFFFF0))
    return path.name
