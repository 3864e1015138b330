"""Lesions of a series -> a Comprehensive 3D SR after TID 1500 (clinical.md 9.3), by highdicom.

One group of measurements for each lesion, which names its segment; one for the whole PET. Coded names, derivations,
methods, units (UCUM) and finding sites (`measures`, `sites`). The tracer stands in the image library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.sr.coding import Code

from netlesion.io.dicom.objects.maker import MANUFACTURER, MODEL, as_it_is, finish, highdicom
from netlesion.io.dicom.objects.measures import MEASURES, TOTALS, UNITS, WORDS, Measure, measure_of, private
from netlesion.io.dicom.objects.segmentation import SERIES_NUMBER
from netlesion.io.dicom.objects.sites import LEFT, LESION, RIGHT
from netlesion.output.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydicom.dataset import Dataset

    from netlesion.io.dicom.objects.reported import ReportedCase, ReportedLesion
    from netlesion.io.dicom.objects.source_images import SourceImages

TITLE = Code("126003", "DCM", "PET Measurement Report")
PROCEDURE = Code("44139-4", "LN", "PET whole body")
#: trc- label -> radiopharmaceutical and radionuclide (CID 4021, 4020); what no list names is private.
AGENTS = {
    "dotatate": (Code("724025002", "SCT", "Dotatate Ga^68^"), Code("35337001", "SCT", "^68^Gallium")),
    "dotatoc": (Code("C2713594", "UMLS", "Edotreotide Ga^68^"), Code("35337001", "SCT", "^68^Gallium")),
    "fdg": (Code("35321007", "SCT", "Fluorodeoxyglucose F^18^"), Code("77004003", "SCT", "^18^Fluorine")),
    "cudotatate": (private("CU64DOTATATE", "Dotatate Cu^64^"), Code("3932008", "SCT", "^64^Copper")),
    "dotanoc": (private("GA68DOTANOC", "Dotanoc Ga^68^"), Code("35337001", "SCT", "^68^Gallium")),
}
FINE = 9


def structured_report(
    case: ReportedCase, source: SourceImages, seg: Dataset | None, uid: Callable[..., str]
) -> Dataset:
    """The SR of a case; seg: its Segmentation, None where there is no lesion.

    A value that was not measured is left out, never written as a number.
    """
    sr = highdicom().sr
    device = sr.ObserverContext(
        observer_type=Code("121007", "DCM", "Device"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=uid("device"), name=case.algorithm, manufacturer_name=MANUFACTURER, model_name=MODEL
        ),
    )
    groups = [_lesion_group(n, lesion, case, source, seg) for n, lesion in enumerate(case.lesions, start=1)]
    groups.append(_whole_group(case, uid))
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=device),
        procedure_reported=PROCEDURE,
        imaging_measurements=groups,
        title=TITLE,
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            Code("eng", "RFC5646", "English")
        ),
    )
    items = report[0].ContentSequence
    at = next(n for n, item in enumerate(items) if item.ConceptNameCodeSequence[0].CodeValue == "126010")
    items.insert(at, _image_library(case, source))
    with as_it_is():
        made = sr.Comprehensive3DSR(
            evidence=[*([seg] if seg is not None else []), *source.headers],
            content=report[0],
            series_instance_uid=uid("series", "SR"),
            series_number=SERIES_NUMBER + 1,
            sop_instance_uid=uid("object", "SR"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            is_complete=True,
        )
    made.ManufacturerModelName, made.SoftwareVersions = MODEL, __version__
    finish(made, source, f"Lesion measurements {case.tracer_label} (research)")
    return made


def _lesion_group(number: int, lesion: ReportedLesion, case: ReportedCase, source: SourceImages, seg: Dataset | None):
    sr = highdicom().sr
    assert seg is not None, "a lesion has a segment"
    site = lesion.site
    sites = None
    if site is not None:
        side = None if site.side is None else LEFT if site.side == "left" else RIGHT
        sites = [sr.FindingSite(Code(site.value, "SCT", site.meaning), laterality=side)]
    words = [
        sr.QualitativeEvaluation(WORDS[name], private(_value_code(word), word.replace("_", " ")))
        for name, word in lesion.words.items()
    ]
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=lesion.tracking_uid, identifier=lesion.tracking_id),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=seg.SOPClassUID,
            sop_instance_uid=seg.SOPInstanceUID,
            segment_number=number,
            source_series=sr.SourceSeriesForSegmentation(source.series_uid),
        ),
        time_point_context=sr.TimePointContext(time_point=case.time_point),
        finding_type=LESION,
        finding_sites=sites,
        algorithm_id=sr.AlgorithmIdentification(name=case.algorithm, version=case.algorithm_version),
        measurements=_measurements(lesion.values, case, MEASURES),
        qualitative_evaluations=words or None,
    )


def _whole_group(case: ReportedCase, uid: Callable[..., str]):
    sr = highdicom().sr
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=uid("all lesions"), identifier="all lesions"),
        time_point_context=sr.TimePointContext(time_point=case.time_point),
        finding_type=private("ALL_LESIONS", "All lesions of this PET"),
        algorithm_id=sr.AlgorithmIdentification(name=case.algorithm, version=case.algorithm_version),
        measurements=_measurements(case.totals, case, TOTALS),
    )


def _measurements(values: Mapping[str, float], case: ReportedCase, table: dict[str, Measure]) -> list:
    sr, made = highdicom().sr, []
    for column, value in values.items():
        measure = measure_of(column, case.tracer_label, table)
        made.append(
            sr.Measurement(
                name=measure.name,
                value=float(f"{value:.{FINE}g}"),
                unit=UNITS[measure.unit],
                derivation=measure.derivation,
                method=measure.method,
            )
        )
    return made


def _image_library(case: ReportedCase, source: SourceImages):
    """TID 1600, with what all images share said once for the group."""
    sr = highdicom().sr
    acquired, contains = sr.RelationshipTypeValues.HAS_ACQ_CONTEXT, sr.RelationshipTypeValues.CONTAINS

    def coded(name: Code, value: Code):
        return sr.CodeContentItem(name=name, value=value, relationship_type=acquired)

    library = sr.ContainerContentItem(Code("111028", "DCM", "Image Library"), relationship_type=contains)
    group = sr.ContainerContentItem(Code("126200", "DCM", "Image Library Group"), relationship_type=contains)
    items = [coded(Code("121139", "DCM", "Modality"), Code("PT", "DCM", "Positron emission tomography"))]
    if case.tracer_label in AGENTS:
        agent, nuclide = AGENTS[case.tracer_label]
        items.append(coded(Code("89457008", "SCT", "Radioactive isotope"), nuclide))
        items.append(coded(Code("349358000", "SCT", "Radiopharmaceutical agent"), agent))
    for header in source.headers:
        items.append(
            sr.ImageContentItem(
                name=Code("260753009", "SCT", "Source"),
                referenced_sop_class_uid=header.SOPClassUID,
                referenced_sop_instance_uid=header.SOPInstanceUID,
                relationship_type=contains,
            )
        )
    group.ContentSequence = sr.ContentSequence(items)
    library.ContentSequence = sr.ContentSequence([group])
    return library


def _value_code(word: str) -> str:
    """A code value of at most 16 characters for a word of a closed vocabulary."""
    return word.upper().replace(" ", "_")[:16]
