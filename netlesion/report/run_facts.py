"""What made the results, as every page tells it: the model card, its settings, versions, and the notice's facts.

The card is the one that inference left beside the results, or the shipped weights' own where their hash is that of the
record; patients it was trained on are counted, not named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlesion.output.provenance import hash_file
from netlesion.report.answer_view import fact_text
from netlesion.report.results_folder import ResultsFolder

MODEL_CARD = "model_card.json"
WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
#: Fields of a card that a reader of a report needs, and their names.
CARD_FIELDS = {
    "channels": "Channels",
    "classes": "Classes",
    "spacing_mm": "Working grid, mm",
    "thresholds": "Lesion thresholds",
    "peak_thresholds": "Peak thresholds",
    "temperatures": "Temperatures",
    "tested_tracers": "Tested on",
    "trained_on": "Trained on",
}


def run_facts(results: ResultsFolder, cohort_page: str) -> dict[str, Any]:
    """cohort_page: link from a patient's page; run: short facts for a head line; model: rows of the model's section."""
    record = next((v.record for p in results.patients for v in p.visits), results.record)
    made_by = dict(record.get("generated_by", {}))
    checkpoint = str(record.get("checkpoint_sha256") or "")
    settings = dict(record.get("settings", {}))
    rows = [("Notice", "Research software, not a medical device. Not for diagnosis or treatment decisions.")]
    rows += [("Weights", f"sha256 {checkpoint[:12]}")] if checkpoint else []
    rows += _card_rows(results.root, checkpoint)
    shown = (
        "mode",
        "engine",
        "precision",
        "device",
        "folds",
        "flips",
        "threshold",
        "tracer_thresholds",
        "connectivity",
    )
    rows += [("Inference", "; ".join(f"{k} {_text(settings[k])}" for k in shown if settings.get(k) not in (None, [])))]
    rows += [("Results made by", f"netlesion {made_by.get('version', 'of unknown version')}")]
    packages = dict(record.get("packages", {}))
    rows += [("Packages", ", ".join(f"{k} {v}" for k, v in packages.items()))] if packages else []
    run = [("weights", checkpoint[:12])] if checkpoint else []
    return {"cohort_page": cohort_page, "run": run, "model": [(k, v) for k, v in rows if v]}


def public_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """A model card without the ids of the patients it was trained on."""
    return {**card, "trained_on": len(card.get("trained_on", ()))}


def _card_rows(root: Path, checkpoint: str) -> list[tuple[str, str]]:
    card = _card(root, checkpoint)
    if card is None:
        return [("Model card", "not recorded with these results")]
    rows = [(name, _text(card[key])) for key, name in CARD_FIELDS.items() if card.get(key)]
    about = card.get("about", {})
    rows += [(str(name).capitalize(), str(text)) for name, text in about.items()] if isinstance(about, dict) else []
    return [(k, f"{v} patients" if k == "Trained on" else v) for k, v in rows]


def _card(root: Path, checkpoint: str) -> dict[str, Any] | None:
    try:
        kept = root / MODEL_CARD
        if kept.is_file():
            return json.loads(kept.read_text(encoding="utf-8"))
        for weights in sorted(WEIGHTS.glob("*.safetensors")):
            if hash_file(weights) == checkpoint:
                return public_card(json.loads(weights.with_suffix(".json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return None


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else fact_text(value)
