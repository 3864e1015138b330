"""What else lies in a folder: archives, links, pipes, noise."""

import os
import zipfile

from tests.io.dicom.broken.variants import element, junk, variant

junk("dcm of zeros", "zeros.dcm", b"\0" * 4000)
junk("dcm of text", "text.dcm", b"Doe, Jane 4711" * 50)
junk("dcm empty", "empty.dcm", b"")
junk("short with marker", "SHORT", b"\0" * 128 + b"DICM")
junk("marker and noise", "NOISE", b"\0" * 128 + b"DICM" + bytes(range(256)) * 8)
junk("no preamble noise", "IM0", b"\x08\x00\x05\x00CS\xff\xff" + b"\xfe" * 300)
junk("meta only", "META", b"\0" * 128 + b"DICM" + element(2, 0, b"UL", (4).to_bytes(4, "little")))


@variant
def v_zip(folder):
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        archive.writestr("../../escape.dcm", "Doe")
    return "export.zip: a zip archive"


@variant
def v_zip_that_claims_to_be_dicom(folder):
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "export.dcm", "w") as archive:
        archive.writestr("../../escape.dcm", "Doe" * 100)
    return "export.dcm"


@variant
def v_links(folder):
    folder.mkdir(parents=True)
    (folder / "loop").symlink_to(folder)
    (folder / "out.dcm").symlink_to("/etc/hostname")
    (folder / "nowhere").symlink_to("/nonexistent")
    return "out.dcm: a symbolic link"


@variant
def v_pipe(folder):
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.dcm")
    return "pipe.dcm: not a regular file"


@variant
def v_name_with_newline(folder):
    folder.mkdir(parents=True)
    (folder / "two\nlines.dcm").write_bytes(b"x" * 500)
    return "two?lines.dcm"
