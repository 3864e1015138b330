"""How many patients a study needs that compares two sensitivities on the same lesions, from a pilot's patients.

Method A (say PET/MR) is to be shown no worse than B (PET/CT) by more than a margin that was fixed beforehand; a margin
of 0 asks for superiority. Lesions are clustered in patients, so a patient is the unit. The study's estimate is the
difference of pooled sensitivities, sum(d) / sum(m) over patients with m lesions, of which A found d = b - c more; its
variance is that of a ratio of sums (Cochran, Sampling Techniques 1977, 6.4; Rao & Scott, Biometrics 1992;48:577). The
study succeeds where the lower limit of the two-sided interval lies above -margin (one-sided Student's t of patients - 1
degrees of freedom). The pilot's own error is told by the number of patients at the upper 80 % limit of its variance
(Browne, Stat Med 1995;14:1933), with the degrees of freedom of what each patient adds.

Knows nothing about files. Source: clinical.md 8.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, nctdtr, stdtrit

from netlesion.errors import CohortError, ConfigError, QuantityError
from netlesion.statistics.bootstrap import freedom

#: Chance that the variance is below the limit at which `patients_at_upper_variance` is planned [P].
UPPER_LIMIT = 0.8
#: A study of more patients is not planned but said to be out of reach [P].
MOST_PATIENTS = 100_000


@dataclass(frozen=True, eq=False)
class PairedPilot:
    """Patients of a pilot, (P,) each: lesions, those found by both, and those found by one alone.

    A patient without a lesion belongs to a study's patients, too: sizes may be 0. Raises QuantityError where a patient
    has more found than lesions.
    """

    sizes: np.ndarray
    both: np.ndarray
    only_a: np.ndarray
    only_b: np.ndarray

    def __post_init__(self) -> None:
        found = self.both + self.only_a + self.only_b
        if min(x.min(initial=0) for x in (self.both, self.only_a, self.only_b)) < 0 or (found > self.sizes).any():
            raise QuantityError("a pilot patient has more found lesions than lesions; expected a part of them")

    @property
    def num_patients(self) -> int:
        return len(self.sizes)

    @property
    def num_lesions(self) -> int:
        return int(self.sizes.sum())

    @property
    def sensitivity_a(self) -> float:
        return float((self.both + self.only_a).sum() / self.sizes.sum())

    @property
    def sensitivity_b(self) -> float:
        return float((self.both + self.only_b).sum() / self.sizes.sum())

    @property
    def difference(self) -> float:
        """Pooled sensitivity of A less that of B."""
        return float((self.only_a - self.only_b).sum() / self.sizes.sum())


@dataclass(frozen=True)
class StudyPlan:
    """What to plan with.

    patients: recruited, those without a lesion counted; lesions: expected among them. design_effect: how many times the
    variance is that of lesions taken as independent. variance: of one patient's share in the difference.
    """

    margin: float
    difference: float
    alpha: float
    power: float
    patients: int
    lesions: int
    patients_at_upper_variance: int
    design_effect: float
    variance: float


def plan_paired_sensitivity(
    pilot: PairedPilot, *, margin: float, difference: float | None = None, alpha: float = 0.025, power: float = 0.8
) -> StudyPlan:
    """The smallest number of patients with which the study succeeds with this power.

    Args:
        pilot: patients like those of the study; at least two with a lesion.
        margin: by how much A may be worse, 0 to 1, fixed beforehand; 0 asks for superiority.
        difference: the true A - B that is planned for; None takes the pilot's, a guess where the pilot is small.
        alpha: one-sided; 0.025 goes with the two-sided 95 % interval.
        power: chance that the study succeeds if `difference` is true.

    Raises:
        ConfigError: numbers out of range, or a difference at or below -margin, which no study can show.
        CohortError: a pilot of one patient, or whose patients all agree: nothing tells how results vary.
    """
    _require(margin, alpha, power)
    variance, degrees = _variance(pilot)
    expected = pilot.difference if difference is None else difference
    if not -1 < expected < 1:
        raise ConfigError(f"a true difference of {expected:g} cannot be planned for; expected between -1 and 1")
    if expected + margin <= 0:
        raise ConfigError(
            f"a true difference of {expected:g} is not above -{margin:g}: no number of patients shows it; name a "
            "larger --margin or another --difference"
        )
    discordant = float((pilot.only_a + pilot.only_b).sum()) / pilot.num_lesions
    independent = (discordant - pilot.difference**2) / (pilot.num_lesions / pilot.num_patients)
    upper = variance * degrees / float(chdtri(degrees, UPPER_LIMIT))
    patients = _smallest(expected + margin, variance, alpha, power)
    return StudyPlan(
        margin=margin,
        difference=expected,
        alpha=alpha,
        power=power,
        patients=patients,
        lesions=round(patients * pilot.num_lesions / pilot.num_patients),
        patients_at_upper_variance=_smallest(expected + margin, upper, alpha, power),
        design_effect=variance / independent,
        variance=variance,
    )


def simulated_power(pilot: PairedPilot, plan: StudyPlan, *, seed: int, studies: int = 2000) -> float:
    """Share of simulated studies that succeed: patients drawn from the pilot's, moved to the planned difference."""
    sizes = pilot.sizes.astype(np.float64)
    moved = pilot.only_a - pilot.only_b + (plan.difference - pilot.difference) * sizes
    rng = np.random.default_rng(seed)
    succeeded = 0
    for _ in range(studies):
        drawn = rng.integers(len(sizes), size=plan.patients)
        succeeded += succeeds(moved[drawn], sizes[drawn], margin=plan.margin, alpha=plan.alpha)
    return succeeded / studies


def succeeds(differences: np.ndarray, sizes: np.ndarray, *, margin: float, alpha: float = 0.025) -> bool:
    """Whether a study's lower limit lies above -margin; False without a lesion."""
    total, n = float(sizes.sum()), len(sizes)
    if total == 0 or n < 2:
        return False
    value = float(differences.sum()) / total
    error = float(np.sqrt(n / (n - 1) * ((differences - value * sizes) ** 2).sum())) / total
    return value + margin > float(stdtrit(n - 1, 1 - alpha)) * error


def _variance(pilot: PairedPilot) -> tuple[float, float]:
    """Variance of one patient's share in A - B, and the degrees of freedom that it is known with."""
    sizes = pilot.sizes.astype(np.float64)
    if (sizes > 0).sum() < 2:
        raise CohortError(f"{int((sizes > 0).sum())} pilot patients with a lesion; expected at least 2")
    gaps = pilot.only_a - pilot.only_b - pilot.difference * sizes
    if not gaps.any():
        raise CohortError(
            "all pilot patients agree: nothing tells how results vary between patients; add pilot patients"
        )
    n = len(sizes)
    return float(n / (n - 1) * (gaps**2).mean() / sizes.mean() ** 2), float(freedom(gaps[:, np.newaxis] ** 2)[0])


def _smallest(distance: float, variance: float, alpha: float, power: float) -> int:
    """The fewest patients of which the one-sided t test of `distance` has this power."""

    def reached(n: int) -> bool:
        beyond = float(stdtrit(n - 1, 1 - alpha))
        return 1 - float(nctdtr(n - 1, distance / np.sqrt(variance / n), beyond)) >= power

    low, high = 1, 2
    while not reached(high):
        low, high = high, 2 * high
        if high > MOST_PATIENTS:
            raise ConfigError(
                f"more than {MOST_PATIENTS} patients would be needed; name a larger --margin or a larger difference"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _require(margin: float, alpha: float, power: float) -> None:
    if not 0 <= margin < 1:
        raise ConfigError(
            f"a margin of {margin:g} is no difference of sensitivities; expected 0 (superiority) to below 1"
        )
    if not 0 < alpha < 0.5:
        raise ConfigError(f"alpha is {alpha:g}, expected above 0 and below 0.5 (0.025 goes with a 95 % interval)")
    if not alpha < power < 1:
        raise ConfigError(f"power is {power:g}, expected above alpha ({alpha:g}) and below 1")
