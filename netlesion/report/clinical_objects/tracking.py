"""One name for a lesion at every visit and in both tracers, from the answers of a patient.

Lesions are one where an answer links exactly one with exactly one: persistent from a visit to the next (clinical.md
4.5), or both tracers' sides of one finding (clinical.md 3.6). What has split or merged begins anew. Where links would
make two lesions of one PET the same, those between tracers are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def tracked(keys: Sequence[str], answers: Mapping[str, Any] | None) -> dict[str, str]:
    """Lesion (case/id) -> the lesion by whose name it is called: the first of those that are one, in order of keys."""
    over_time, over_tracers = links_of(answers)
    whole = _joined(keys, [*over_time, *over_tracers])
    clash = {root for root, members in _members(whole).items() if _twice(members)}
    if not clash:
        return whole
    apart = _joined(keys, [*over_time, *(p for p in over_tracers if whole.get(p[0]) not in clash)])
    again = {root for root, members in _members(apart).items() if _twice(members)}
    return {key: key if root in again else root for key, root in apart.items()}


def links_of(answers: Mapping[str, Any] | None) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs over time and pairs over tracers of an answers.json; none without one."""
    over_time, over_tracers = [], []
    for answer in (answers or {}).get("answers", ()):
        for row in answer.get("rows") or ():
            if answer["question"] == "response" and row.get("class") == "persistent":
                over_time += _pair(row.get("lesions_before"), row.get("lesions_after"))
            if answer["question"] == "discordance":
                over_tracers += _pair(row.get("sstr_lesions"), row.get("fdg_lesions"))
    return over_time, over_tracers


def words_of(answers: Mapping[str, Any] | None) -> dict[str, dict[str, str]]:
    """Lesion -> the project-made scores and classes that answers give it (`measures.WORDS`)."""
    found: dict[str, dict[str, str]] = {}
    for answer in (answers or {}).get("answers", ()):
        for row in answer.get("rows") or ():
            if answer["question"] == "expression" and row.get("qkrenning") is not None:
                found.setdefault(str(row["lesion"]), {})["qkrenning"] = f"{row['qkrenning']:g}"
            if answer["question"] == "discordance" and row.get("class"):
                for key in (*_keys(row.get("sstr_lesions")), *_keys(row.get("fdg_lesions"))):
                    found.setdefault(key, {})["tracer_class"] = str(row["class"])
            if answer["question"] == "response" and row.get("class"):
                for key in _keys(row.get("lesions_after")):
                    found.setdefault(key, {})["change"] = str(row["class"])
    return found


def _pair(one: object, two: object) -> list[tuple[str, str]]:
    a, b = _keys(one), _keys(two)
    return [(a[0], b[0])] if len(a) == len(b) == 1 else []


def _keys(text: object) -> list[str]:
    return [word.strip() for word in str(text).split(",") if word.strip()] if isinstance(text, str) else []


def _joined(keys: Sequence[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    order = {key: n for n, key in enumerate(keys)}
    root = {key: key for key in keys}

    def find(key: str) -> str:
        while root[key] != key:
            key = root[key]
        return key

    for a, b in pairs:
        if a in root and b in root:
            first, second = sorted((find(a), find(b)), key=order.__getitem__)
            root[second] = first
    return {key: find(key) for key in keys}


def _members(roots: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, root in roots.items():
        found.setdefault(root, []).append(key)
    return found


def _twice(members: Sequence[str]) -> bool:
    cases = [key.rpartition("/")[0] for key in members]
    return len(set(cases)) < len(cases)
