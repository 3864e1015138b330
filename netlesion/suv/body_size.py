"""Lean mass, ideal mass and surface of a body: what SUL, SUVibw and SUVbsa are normalised to (clinical.md 1.1).

`suv = suvbw * ratio`, with the ratio LBM/W, IBW/W or BSA*10/W. Knows nothing about images.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netlesion.errors import SuvError


class SuvType(Enum):
    """Which body size an uptake is normalised to."""

    SUVBW = "suvbw"
    SUL = "sul"
    SUVBSA = "suvbsa"
    SUVIBW = "suvibw"


class SulFormula(Enum):
    """Which lean body mass: Janmahasatian 2005, James as coded in DICOM LBM (120), or the original James (128)."""

    JANMAHASATIAN = "janmahasatian"
    JAMES = "james"
    JAMES128 = "james128"


#: (0054,1006) SUV Type of a GML image, where it is not body weight.
SUL_OF_DICOM = {"LBM": SulFormula.JAMES, "LBMJAMES128": SulFormula.JAMES128, "LBMJANMA": SulFormula.JANMAHASATIAN}
#: The man's factor of the James formulas; the woman's is 148 in both.
JAMES_MALE = {SulFormula.JAMES: 120.0, SulFormula.JAMES128: 128.0}


@dataclass(frozen=True)
class BodySize:
    """Weight in kg, height in cm and sex (M, F, or O: the mean of both) of a patient."""

    weight_kg: float
    height_cm: float
    sex: str

    def lean_mass_kg(self, formula: SulFormula) -> float:
        """Lean body mass in kg."""
        return self._by_sex(lambda sex: self._lean_mass_kg(formula, sex))

    @property
    def ideal_mass_kg(self) -> float:
        """Ideal body weight in kg."""
        return self._by_sex(lambda sex: (48.0, 45.5)[sex == "F"] + (1.06, 0.91)[sex == "F"] * (self.height_cm - 152.0))

    @property
    def surface_m2(self) -> float:
        """Body surface in m2 (Du Bois)."""
        return surface_m2(self.weight_kg, self.height_cm)

    def turning_weight_kg(self, formula: SulFormula) -> float | None:
        """The weight above which a James formula gives less lean mass to more body, or None where it never does."""
        if formula not in JAMES_MALE:
            return None
        of_man = 1.10 * self.height_cm**2 / (2.0 * JAMES_MALE[formula])
        of_woman = 1.07 * self.height_cm**2 / (2.0 * 148.0)
        return {"M": of_man, "F": of_woman}.get(self.sex, min(of_man, of_woman))

    def _lean_mass_kg(self, formula: SulFormula, sex: str) -> float:
        weight, height = self.weight_kg, self.height_cm
        if formula is SulFormula.JANMAHASATIAN:
            bmi = weight / (height / 100.0) ** 2
            return 9270.0 * weight / (8780.0 + 244.0 * bmi if sex == "F" else 6680.0 + 216.0 * bmi)
        slope, square = (1.07, 148.0) if sex == "F" else (1.10, JAMES_MALE[formula])
        return slope * weight - square * (weight / height) ** 2

    def _by_sex(self, mass_kg) -> float:
        return mass_kg(self.sex) if self.sex != "O" else (mass_kg("M") + mass_kg("F")) / 2.0


@dataclass(frozen=True)
class PatientBody:
    """Weight, height and sex (M, F, O) of a patient at the time of a PET; None where they are not known."""

    weight_kg: float | None = None
    height_cm: float | None = None
    sex: str | None = None

    @property
    def sul_per_suv(self) -> float | None:
        """Lean body mass (Janmahasatian, clinical.md 1.1) over weight; None where any of the three is not known."""
        if self.weight_kg is None or self.height_cm is None or self.sex is None:
            return None
        size = BodySize(self.weight_kg, self.height_cm, self.sex)
        return size.lean_mass_kg(SulFormula.JANMAHASATIAN) / self.weight_kg


def surface_m2(weight_kg: float, height_cm: float) -> float:
    """Body surface in m2 (Du Bois); it does not know sex."""
    return 0.007184 * weight_kg**0.425 * height_cm**0.725


def checked_weight_kg(weight_kg: float | None) -> float:
    """The weight; raises SuvError where it is missing or that of no patient (clinical.md 1.5)."""
    if weight_kg is None or not 1.0 <= weight_kg <= 400.0:
        raise SuvError(
            f"Patient's Weight (0010,1030) is {'missing' if weight_kg is None else f'{weight_kg:g} kg'}, "
            "expected 1 to 400 kg; give the true one with --weight-kg"
        )
    return weight_kg


def checked_height_cm(patient_size: float | None, purpose: str) -> float:
    """The height from Patient's Size: metres up to 3, else centimetres; raises SuvError where no patient has it."""
    height = None if patient_size is None else patient_size * 100.0 if patient_size <= 3.0 else patient_size
    if height is None or not 30.0 <= height <= 250.0:
        found = "missing" if patient_size is None else f"{patient_size:g}"
        raise SuvError(
            f"Patient's Size (0010,1020) is {found}, {purpose} needs 0.3 to 2.5 m; give the true one with --height-cm"
        )
    return height


def checked_sex(sex: str | None, purpose: str) -> str:
    """M, F or O; raises SuvError for anything else: a lean mass is never guessed."""
    if sex not in ("M", "F", "O"):
        raise SuvError(
            f"Patient's Sex (0010,0040) is {sex or 'missing'}, {purpose} needs M, F or O; give the true one with --sex"
        )
    return sex


def suvbw_ratio(
    suv_type: SuvType,
    formula: SulFormula,
    weight_kg: float | None,
    patient_size: float | None,
    sex: str | None,
    warnings: list[str],
) -> float:
    """What SUVbw is multiplied by: 1, LBM/W, BSA*10/W or IBW/W. Raises SuvError where the patient is not known."""
    if suv_type is SuvType.SUVBW:
        return 1.0
    purpose = f"SUL ({formula.value})" if suv_type is SuvType.SUL else suv_type.name
    weight, height = checked_weight_kg(weight_kg), checked_height_cm(patient_size, purpose)
    if suv_type is SuvType.SUVBSA:
        return surface_m2(weight, height) * 10.0 / weight
    body = BodySize(weight, height, checked_sex(sex, purpose))
    mass = body.ideal_mass_kg if suv_type is SuvType.SUVIBW else body.lean_mass_kg(formula)
    if mass <= 0:
        raise SuvError(
            f"{purpose}: a patient of {weight:g} kg and {height:g} cm has {mass:.1f} kg by this formula; "
            "choose another (--sul-formula, --type) or correct weight and height"
        )
    turning = body.turning_weight_kg(formula) if suv_type is SuvType.SUL else None
    if turning is not None and weight > turning:
        warnings.append(
            f"Patient's Weight (0010,1030) of {weight:g} kg is above {turning:.1f} kg, where the {formula.value} lean "
            "mass falls with weight; use --sul-formula janmahasatian"
        )
    return mass / weight
