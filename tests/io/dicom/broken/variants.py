"""The list of variants, and how a good file is broken.

A variant makes something broken in a folder and returns what a line must hold, most often the name of the file.
"""

import numpy as np
import pydicom

from tests.synthetic_dicom import write_series

STORED = np.arange(5 * 3 * 4, dtype=np.int16).reshape(5, 3, 4) * 50
#: What no line and no output may hold.
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


def element(group, element, vr, value: bytes, length=None):
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
        folder.mkdir(parents=True)
        (folder / file).write_bytes(content)
        return file

    VARIANTS[name] = build
