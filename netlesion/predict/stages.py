"""Where the time of a cohort went: one line per visit, seconds by stage and the peak memory so far."""

from __future__ import annotations

from netlesion.output.provenance import Stopwatch, peak_memory_mb

#: Stages in the order of the work, as named by the pipeline and by batch, with the head of their column.
STAGES = {
    "read": "read",
    "harmonise": "harmonise",
    "network": "network",
    "native_grid": "to native",
    "lesions": "lesions",
    "measure": "measure",
    "agreement": "agreement",
    "write": "write",
    "hash": "hash",
}


class StageTable:
    """Lines of one table; the first call puts its head above the line."""

    def __init__(self) -> None:
        self.started = False

    def row(self, name: str, watch: Stopwatch) -> str:
        """The stages of one visit, or of all of them, in seconds."""
        cells = [f"{watch.seconds.get(stage, 0.0):9.2f}" for stage in STAGES]
        memory = peak_memory_mb()
        line = f"{name:24.24s} {' '.join(cells)} {'' if memory is None else round(memory):>9}"
        if self.started:
            return line
        self.started = True
        return f"{'seconds':24s} {' '.join(f'{head:>9s}' for head in STAGES.values())} {'peak MB':>9s}\n{line}"
