"""How long a DICOM export takes to index and plan: generated files, a table, and one JSON line last.

    python bench/import.py --files 20000 --workers 2

The files are small (32x32 pixels) but carry the header of a clinical PET, CT or MR: some 120 fields with
sequences and private blocks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SOP_CLASS = {
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
}
SLICES = 250


def main() -> None:
    """Generates an export, indexes it, prints what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the generated files here and use them again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not any(folder.glob("*")):
            write_export(folder, options.files)
        measure(folder, options.workers)


def measure(folder: Path, workers: int) -> None:
    """Indexes and plans one folder and prints table and JSON."""
    from netlesion.datasets.dicom.facts import facts_of
    from netlesion.datasets.dicom.plan import plan_import
    from netlesion.datasets.key import Key
    from netlesion.io.dicom.index import scan

    before, cpu_before = _peak_mb(), time.process_time()
    started = time.perf_counter()
    index = scan(folder, workers)
    indexed = time.perf_counter()
    plan = plan_import(index, facts_of(index), Key(Path("none"), b"secret"))
    planned = time.perf_counter()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result = {
        "bench": "import",
        "machine": f"{platform.machine()} {os.cpu_count()} cores, Python {platform.python_version()}",
        "files": index.num_files,
        "series": len(index.series),
        "workers": workers,
        "index_s": round(indexed - started, 2),
        "plan_s": round(planned - indexed, 2),
        "cpu_s": round(sum(u.ru_utime + u.ru_stime for u in used) - cpu_before, 2),
        "files_per_s": round(index.num_files / (indexed - started)),
        "peak_mb_before": before,
        "peak_mb": _peak_mb(),
        "planned_to_write": sum(p.target is not None for p in plan.images),
    }
    for name, value in result.items():
        print(f"{name:18}{value}")
    print(json.dumps(result))


def write_export(folder: Path, num_files: int) -> None:
    """Patients with a PET, a CT and an MR of SLICES slices each, without file extensions, 500 files a folder."""
    written = 0
    while written < num_files:
        patient = f"P{written // (3 * SLICES):05d}"
        study, frame = generate_uid(), generate_uid()
        for modality in SOP_CLASS:
            series = generate_uid()
            template, offsets = None, None
            for k in range(min(SLICES, num_files - written)):
                path = folder / f"D{written // 500:04d}" / f"I{written:07d}"
                path.parent.mkdir(parents=True, exist_ok=True)
                if template is None:
                    template, offsets = _template(modality, patient, study, series, frame)
                path.write_bytes(_numbered(template, offsets, k))
                written += 1


def _numbered(template: bytes, offsets: tuple[int, int], k: int) -> bytes:
    """The file of slice k: its place and its instance UID written over those of the template."""
    content = bytearray(template)
    content[offsets[0] : offsets[0] + 8] = f"{k * 3.0:08.3f}".encode()
    content[offsets[1] : offsets[1] + 6] = f"{k + 100000:06d}".encode()
    return bytes(content)


def _template(modality: str, patient: str, study: str, series: str, frame: str) -> tuple[bytes, tuple[int, int]]:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    instance = f"1.2.3.{abs(hash(series)) % 10**12}.900000"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = SOP_CLASS[modality]
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = instance, series
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = study, frame
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = patient, "Doe^Jane", "19500102"
    dataset.Modality, dataset.SeriesDescription, dataset.ImageType = modality, "t1_vibe", ["ORIGINAL", "PRIMARY"]
    for what in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{what}Date", "20240314")
        setattr(dataset, f"{what}Time", "110000")
    for name in ("InstitutionName", "StationName", "StudyDescription", "ProtocolName", "SoftwareVersions"):
        setattr(dataset, name, "x" * 16)
    dataset.ImagePositionPatient = ["-100", "-100", "0000.000"]
    dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [3, 3]
    dataset.SliceThickness, dataset.Rows, dataset.Columns = 3, 32, 32
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    if modality == "PT":
        dataset.Units, dataset.DecayCorrection, dataset.CorrectedImage = "BQML", "START", ["DECY", "ATTN"]
        dose, code = Dataset(), Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "35321007", "SCT", "FDG"
        dose.RadiopharmaceuticalCodeSequence = [code]
        dataset.RadiopharmaceuticalInformationSequence = [dose]
    for number in range(60):
        block = dataset.private_block(0x0051 + 2 * (number // 20), "SOME VENDOR", create=True)
        block.add_new(number, "LO", "private text of some length")
    dataset.PixelData = np.arange(1024, dtype="<i2").tobytes()
    buffer = DicomBytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    content = buffer.getvalue()
    return content, (content.index(b"0000.000"), content.rindex(b".900000") + 1)


def _peak_mb() -> float:
    """Largest resident size so far of this process and, apart, of its largest worker, in MB; the larger of both."""
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(max(usage) / 1e3, 1)


if __name__ == "__main__":
    main()
