"""When a run stops to look at itself."""

from pydantic.dataclasses import dataclass

from ttur.runtime.description import STRICT, Count


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Cadence:
    """When the loop stops to look, in outer iterations (generator updates). Moves no weight.

    With `patience` a run ends after so many evaluations in a row without a new best, the paper's
    rule; the evaluation of a last update counts too, should the run go on later.
    """

    log_every_updates: Count = 100
    evaluate_every_updates: Count = 5000
    checkpoint_every_updates: Count = 2000
    patience: Count | None = None

    def logs(self, update: int) -> bool:
        return update > 0 and update % self.log_every_updates == 0

    def evaluates(self, update: int, last: int) -> bool:
        """The first update, every multiple, and the last (A.6)."""
        multiple = update > 0 and update % self.evaluate_every_updates == 0
        return multiple or update in (1, last)

    def saves(self, update: int) -> bool:
        return update > 0 and update % self.checkpoint_every_updates == 0

    def pauses(self, update: int, last: int) -> bool:
        """Whether anything is due after this update."""
        return self.logs(update) or self.evaluates(update, last) or self.saves(update)

    def evaluations(self, last: int) -> list[int]:
        """The updates of a run of so many that are evaluated."""
        every = self.evaluate_every_updates
        return sorted({1, last, *range(every, last + 1, every)})
