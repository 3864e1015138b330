"""Words that may leave a header: makers, scanners, reconstructions and contour names, and nothing else.

A header's text can hold a name, so text is never copied: a cohort receives the terms of these lists that were
recognised, in their own spelling. What is not recognised stays behind ("other", "n/a", or a ROI's number).
"""

from __future__ import annotations

import re

NOT_KNOWN = "n/a"

#: Start of (0008,0070), letters only, upper case -> the maker's name.
MANUFACTURERS = {
    "GEHEALTHCARE": "GE HealthCare",
    "GEMEDICALSYSTEMS": "GE MEDICAL SYSTEMS",
    "GE": "GE HealthCare",
    "SIEMENS": "Siemens",
    "PHILIPS": "Philips",
    "UNITEDIMAGING": "United Imaging",
    "UIH": "United Imaging",
    "CANON": "Canon",
    "TOSHIBA": "Toshiba",
    "HITACHI": "Hitachi",
    "FUJIFILM": "Fujifilm",
    "MEDISO": "Mediso",
    "CPS": "Siemens/CTI",
    "CTI": "Siemens/CTI",
    "ADAC": "Philips/ADAC",
    "NETLESION": "netlesion",
}
#: Words of scanner names (PET/CT, PET/MR, CT, MR).
_MODEL = """
    discovery signa biograph ingenuity vereos gemini umi uexplorer upmr umr uct cartesion celesteion aquiduo aquilion
    ingenia achieva intera panorama avanto aera skyra prisma vida sola altea lumina symphony espree trio verio magnetom
    somatom sensation definition force edge flash emotion drive go revolution lightspeed brightspeed optima advance omni
    legend optiga mct mmr mi st ste vct rx ls iq pet mr ct tf gxl flow vision truepoint horizon time quadra trinion big
    bore allegro guardian artiste hirez lso duo reveal ecat exact hr architect hero premier pioneer voyager hdx hdxt
    elite phantom 3t 1.5t fit xr power plus dual digital ready family
"""
MODEL_WORDS = frozenset(_MODEL.split())
#: Words of reconstruction and correction methods.
_METHOD = """
    osem fbp mlem ramla 3d 2d 3d-rp 3drp rp dif awosem op tof psf truex ultrahd uhd hd vpfx vpfxs vpfx-s qcfx
    qcfx-s qcfxs q.clear qclear blob os blob-os-tf tf list list-mode listmode mode hyper hyperdpr hyper-dpr deep
    learning iterative iterations iteration subsets subset i s sharpir fore bsrem map measured calculated none
    segmented ct ctac mr mrac dixon ute atlas transmission source model-based model based convolution subtraction
    single scatter simulation relative absolute mu cm-1 cm smoothing gaussian gauss all-pass allpass hanning hann
    butterworth ramp xyz xyzgauss filter bowtie attenuation correction corrected
"""
METHOD_WORDS = frozenset(_METHOD.split())
#: Words of series descriptions.
_DESCRIPTION = """
    wb wholebody ac nac uncorrected corr ctac_wb static dynamic gated delayed late early bed beds emission legs arms
    recon reconstruction series axial coronal sagittal thin thick slice slices low dose native contrast abdomen thorax
    chest pelvis ga68 ga-68 f18 f-18 cu64 psma fluorodeoxyglucose stat respiratory breath hold free
"""
DESCRIPTION_WORDS = frozenset(_DESCRIPTION.split())
#: Words of contour names: targets, lesions, and anatomy as segmenters name it (clinical.md 5.4).
_ROI = """
    gtv ctv ptv itv btv mtv gtvp gtvn gtvt gtvnode roi voi oar mass edema oedema lesion lesions tumor tumors tumour
    tumours primary metastasis metastases met meta mets node nodes nodal lymph ln target culprit necrosis necrotic boost
    suspicious physiologic physiological background bkg reference ref sphere blood pool bloodpool avid uptake total all
    whole body external contour skin right left r l upper lower middle lobe anterior posterior superior inferior medial
    lateral distal proximal cervical thoracic lumbar axillary inguinal mediastinal mesenteric retroperitoneal pelvic
    spleen kidney kidneys gallbladder liver stomach pancreas pancreatic adrenal gland glands lung lungs esophagus
    oesophagus trachea thyroid small large bowel intestine duodenum jejunum ileum appendix colon rectum urinary bladder
    prostate uterus ovary cyst brain heart spinal cord sacrum vertebra vertebrae humerus scapula clavicula clavicle
    femur hip skull rib ribs sternum costal cartilages aorta pulmonary vein artery brachiocephalic subclavian common
    carotid atrial vena cava portal and splenic iliac gluteus maximus minimus medius autochthon iliopsoas muscle muscles
    fat tissue soft bone bones marrow thigh leg arm foot hand ankle knee tibia fibula patella pituitary parotid
    submandibular salivary mandible maxilla peritoneum mesentery thymus mediastinum uncinate head neck tail of the
    pet ct mr mri fdg dotatate dotatoc dotanoc sstr suv threshold percent manual auto final draft v seg
    segmentation segment mask region volume
    t s c p n m dro
"""
ROI_WORDS = frozenset(_ROI.split())


def manufacturer(text: str | None) -> str:
    """The maker's name, "other" for one not listed, "n/a" where there is none."""
    letters = "".join(c for c in (text or "").upper() if c.isalpha())
    if not letters:
        return NOT_KNOWN
    return next((name for start, name in MANUFACTURERS.items() if letters.startswith(start)), "other")


def scanner_model(text: str | None) -> str:
    """The recognised words of a scanner's name, with short numbers: `Discovery ST`, `Biograph 128 mCT`; else "n/a"."""
    return _recognised(text, MODEL_WORDS)


def method(text: str | None) -> str:
    """The recognised words of a reconstruction or correction, with short numbers: `OP OSEM 3i21s`; "n/a" if none."""
    return _recognised(text, METHOD_WORDS)


def description(text: str | None) -> str:
    """The recognised words of a series' description: `PET WB 3D`; "no known words" if none."""
    found = _recognised(text, METHOD_WORDS | ROI_WORDS | MODEL_WORDS | DESCRIPTION_WORDS)
    return "no known words" if found == NOT_KNOWN else found


def roi_label(name: str) -> str | None:
    """A contour's name as a BIDS label when it is made of known words and short numbers only, else None.

    `GTV_Mass` -> `GTVMass`, `lesion 3 liver` -> `lesion3liver`; a name that might be a person's gives None.
    """
    parts = re.findall(r"[^\W\d_]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    words = [part.lower() for part in parts if not part.isdigit()]
    if not words or not all(word in ROI_WORDS for word in words) or any(len(p) > 3 for p in parts if p.isdigit()):
        return None
    return "".join(c for c in name if c.isascii() and c.isalnum()) or None


def _recognised(text: str | None, words: frozenset[str]) -> str:
    """Tokens of a text that are words of the list, or numbers of at most three digits; "n/a" without any word."""
    kept, any_word = [], False
    for token in re.findall(r"[^\s,;:/\\^+_()]+", (text or "")[:256]):
        whole = token.strip(".").lower() in words
        for piece in [token.strip(".")] if whole else re.findall(r"\d+i\d*s?|\d+\.\d+|\d+|[A-Za-z][A-Za-z.]*", token):
            if piece.lower().strip(".") in words:
                kept.append(piece.strip("."))
                any_word = True
            elif re.fullmatch(r"\d{1,3}|\d{1,2}i(\d{1,2}s)?|\d\.\d{1,6}", piece):
                kept.append(piece)
    return " ".join(kept) if any_word else NOT_KNOWN
