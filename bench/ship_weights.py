"""A trained model -> the weights that ship: half precision, temperatures and thresholds from validation patients, card.

    python -m bench.ship_weights CHECKPOINT --cohort VALIDATION [VALIDATION ...] --about ABOUT.json [--out FOLDER]
        [--rename net-=digital-1401- sts_train-=]    # of patients in trained_on, by how they begin

Each validation PET is read with its session's own CT or MR. Per tracer, in this order (project choices):

temperature      learned on candidates: components of probability 0.2, true where they touch a reference lesion, rated
                 by their highest voxel; at most 10, beyond which every score would lie near 0.5
thresholds       of a voxel and of a lesion's highest voxel: the pair with the best mean Dice of PETs with lesions plus
                 half of the fraction of lesion-free PETs without a false lesion
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cc3d
import numpy as np

from netlesion.image.volume import Quantity
from netlesion.io.bids.cohort import open_cohort
from netlesion.io.bids.visit_files import REFERENCE_DESC, load_visit
from netlesion.io.nifti import read_volume
from netlesion.models.checkpoint import load_checkpoint, save_checkpoint
from netlesion.predict.load import load_model
from netlesion.predict.settings import InferenceOptions
from netlesion.statistics.calibration import learn_temperature

CANDIDATE, LOGITS, MOST_TEMPERATURE = 0.2, np.arange(-1.5, 1.55, 0.15), 10.0


def probabilities(checkpoint: Path, cohorts: list[Path]) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Tracer -> (logit of lesion, reference mask) of every PET."""
    model = load_model(checkpoint, InferenceOptions(threshold=0.5, organs=False))
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for cohort in cohorts:
        for files in open_cohort(cohort):
            visit = load_visit(files, model.card.channels, (), None)
            for tracer, result in model.predict(visit).items():
                reference = read_volume(files.masks[tracer][REFERENCE_DESC], Quantity.LABEL).array > 0
                p = np.clip(result.probability.array.astype(np.float64), 1e-6, 1 - 1e-6)
                found.setdefault(tracer, []).append((np.log(p / (1 - p)).astype(np.float32), reference))
                print(files.case_id(tracer), int(reference.sum()), flush=True)
    return found


def pieces_of(logit: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Components of a threshold and the highest logit of each, the first entry for what is none."""
    pieces, count = cc3d.connected_components(logit >= threshold, connectivity=18, return_N=True)
    peaks = np.full(count + 1, -np.inf)
    np.maximum.at(peaks, pieces[pieces > 0], logit[pieces > 0])
    return pieces, peaks


def temperature_of(pets: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The temperature of one tracer's candidates."""
    scores, real, patients = [], [], []
    for number, (logit, reference) in enumerate(pets):
        pieces, peaks = pieces_of(logit, float(np.log(CANDIDATE / (1 - CANDIDATE))))
        touched = set(np.unique(pieces[reference]).tolist())
        scores += (1 / (1 + np.exp(-peaks[1:]))).tolist()
        real += [n in touched for n in range(1, len(peaks))]
        patients += [str(number)] * (len(peaks) - 1)
    temperature = learn_temperature(scores, real, patients).temperature
    assert temperature is not None, "a temperature was learned, no curve"
    return min(temperature, MOST_TEMPERATURE)


def thresholds_of(pets: list[tuple[np.ndarray, np.ndarray]], temperature: float) -> tuple[float, float, float]:
    """The best (threshold, threshold of the highest voxel, objective) as probabilities after the temperature."""
    objective: dict[tuple[float, float], list[float]] = {}
    for logit, reference in pets:
        for low in LOGITS:
            pieces, peaks = pieces_of(logit / temperature, float(low))
            sizes, inside = np.bincount(pieces.ravel()), np.bincount(pieces[reference], minlength=len(peaks))
            for high in LOGITS[low <= LOGITS]:
                kept = np.flatnonzero(peaks >= high)
                if reference.any():
                    value = 2.0 * inside[kept].sum() / (sizes[kept].sum() + reference.sum())
                else:
                    value = float(len(kept) == 0) / 2.0
                objective.setdefault((float(low), float(high)), []).append(value)
    means = {pair: float(np.mean(values)) for pair, values in objective.items()}
    low, high = max(means, key=lambda pair: means[pair])
    chosen = [round(float(1 / (1 + np.exp(-x))), 3) for x in (low, high)]
    return chosen[0], chosen[1], means[low, high]


def renamed(patient: str, pairs: list[str]) -> str:
    """The patient's id with the first beginning that is named replaced."""
    for old, new in (pair.split("=", 1) for pair in pairs):
        if patient.startswith(old):
            return new + patient.removeprefix(old)
    return patient


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--cohort", type=Path, nargs="+", required=True)
    parser.add_argument("--about", type=Path, required=True)
    parser.add_argument("--rename", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("netlesion/weights"))
    given = parser.parse_args()
    card, weights = load_checkpoint(given.checkpoint)
    names = {renamed(patient, given.rename) for patient in card.trained_on}
    bare = replace(card, thresholds={}, peak_thresholds={}, temperatures={}, trained_on=tuple(names))
    half = {name: w.half() if w.is_floating_point() else w for name, w in weights.items()}
    path = given.out / "netlesion.safetensors"
    given.out.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, half, bare)
    pets = probabilities(path, given.cohort)
    temperatures = {t: temperature_of(p) for t, p in pets.items()}
    chosen = {t: thresholds_of(p, temperatures[t]) for t, p in pets.items()}
    final = replace(
        bare,
        temperatures={t: round(v, 2) for t, v in temperatures.items()},
        thresholds={t: v[0] for t, v in chosen.items()},
        peak_thresholds={t: v[1] for t, v in chosen.items()},
        about=json.loads(given.about.read_text(encoding="utf-8")),
    )
    save_checkpoint(path, half, final)
    print(json.dumps({"temperatures": final.temperatures, "chosen": chosen, "bytes": path.stat().st_size}))


if __name__ == "__main__":
    main()
