"""One training loop for every task: it can be stopped at any step, and goes on as if it had not been."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sepdiar.errors import SepdiarError
from sepdiar.networks import weights
from sepdiar.training import state
from sepdiar.training.batches import drawn
from sepdiar.training.course import Course, follow, set_rate
from sepdiar.training.task import Batch, Figures, Task

HOPELESS = 100  # steps in a row without a finite gradient


class Training:
    """A task on its way through a course, in the folder `out`; goes on from the state there.

    `identity` is what must be the same for that: the recipe and the data, as dotted keys. `tell` hears a line now and then,
    `kept` is called after each time that the state was kept.
    """

    def __init__(
        self,
        task: Task,
        course: Course,
        out: Path,
        identity: Mapping[str, str],
        device: str = "cpu",
        tell: Callable[[str], None] = lambda line: None,
        kept: Callable[[Training], None] = lambda training: None,
    ) -> None:
        self.task, self.course, self.out, self.device = task, course, out, torch.device(device)
        self.network = task.network.to(self.device).train()
        task.heads.to(self.device).train()
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizers = course.optimizers(self.network, task.heads, self.device)
        self.precision = course.precise(self.device)
        self.step, self.seconds, self.skipped, self.best, self.best_step = 0, 0.0, 0, -math.inf, 0
        self.figures: dict[str, float] = {}
        self._sums: dict[str, float | Tensor] = {}  # since the last row of the log
        self._count = self._in_vain = 0
        self._identity, self._tell, self._kept = dict(identity), tell, kept
        self._compiled: nn.Module = torch.compile(self.network) if course.compile else self.network  # type: ignore[assignment]
        self._resume()
        self._log, self._dev = (state.Table(out / name, self.step) for name in ("log.csv", "dev.csv"))

    @property
    def finished(self) -> bool:
        """Whether no step is left."""
        return self.step == self.course.steps

    def run(self, stop: Event | None = None, minutes: float = math.inf) -> bool:
        """Train to the end, or until `stop` is set or the minutes are over; whether the end is reached. The state is kept."""
        course, began = self.course, time.monotonic() - self.seconds
        until, saved, at = time.monotonic() + 60 * minutes, time.monotonic(), self.step
        batches = drawn(self.task, course.seed, self.step, course.steps, course.workers)
        try:
            while not self.finished and not (stop and stop.is_set()) and time.monotonic() < until:
                self._count_in(self._learn(next(batches)))
                self.step, self.seconds = self.step + 1, time.monotonic() - began
                if self.step % course.log_every == 0 or self.finished:
                    self._note()
                if examined := self.step % course.evaluate_every == 0 or self.finished:
                    self._examine()
                if examined or time.monotonic() - saved > 60 * course.save_minutes:
                    self.seconds = time.monotonic() - began
                    self.save()
                    saved, at = time.monotonic(), self.step
        finally:
            batches.close()
        if at < self.step:
            self.save()
        return self.finished

    def save(self) -> None:
        """Keep the state, and the averaged weights so far."""
        state.save(
            self.out,
            {
                "identity": json.dumps(self._identity),
                "steps": self.course.steps,
                "falls_from": self.course.falls_from,
                "network": self.network.state_dict(),
                "heads": self.task.heads.state_dict(),
                "average": self.average.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "progress": [self.step, self.seconds, self.skipped, self.best, self.best_step, self._count, self._in_vain],
                "figures": self.figures,
                "sums": {name: float(value) for name, value in self._sums.items()},
            },
        )
        self._write(state.NEWEST)
        self._kept(self)

    def _resume(self) -> None:
        found = state.load(self.out)
        if found is None:
            return
        before = json.loads(found["identity"])
        other = sorted(key for key in {*before, *self._identity} if before.get(key) != self._identity.get(key))
        step = found["progress"][0]
        if found["steps"] != self.course.steps and step > min(found["falls_from"], self.course.falls_from):
            other.append("training.steps")  # before the rate falls, the steps to come change nothing
        if other:
            raise SepdiarError("SD205", f"not the same: {', '.join(other)}", where=str(self.out))
        self.network.load_state_dict(found["network"])
        self.task.heads.load_state_dict(found["heads"])
        self.average.load_state_dict(found["average"])
        for optimizer, kept in zip(self.optimizers, found["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.seconds, self.skipped, self.best, self.best_step, self._count, self._in_vain = found["progress"]
        self.figures, self._sums = found["figures"], found["sums"]

    def _learn(self, batch: Batch) -> Figures:
        """One step; no figures where the gradient was not finite and the step was left out."""
        torch.manual_seed(int(np.random.SeedSequence([self.course.seed, self.step, 1]).generate_state(1, np.uint64)[0] >> 1))
        set_rate(self.optimizers, self.course.factor(self.step))
        tensors = tuple(self._moved(part) for part in batch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            loss, figures = self.task.loss(self._compiled, tensors)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [*self.network.parameters(), *self.task.heads.parameters()]
        finite = bool(torch.isfinite(nn.utils.clip_grad_norm_(parameters, self.course.clip) + loss.detach()))
        if finite:
            for optimizer in self.optimizers:
                optimizer.step()
            follow(self.average, self.network, 1 - min(self.course.average, (1 + self.step) / (10 + self.step)))
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        return {"loss": loss.detach(), **figures} if finite else {}

    def _moved(self, part: Any) -> Tensor:
        tensor = torch.as_tensor(part)
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor

    def _count_in(self, figures: Figures) -> None:
        """Figures of a step into the next row of the log; a step without any was in vain, and too many of them end it."""
        if figures:
            self._sums = {name: self._sums.get(name, 0.0) + value for name, value in figures.items()}
            self._count, self._in_vain = self._count + 1, 0
            return
        self.skipped, self._in_vain = self.skipped + 1, self._in_vain + 1
        if self._in_vain == HOPELESS:
            raise SepdiarError("SD701", f"{HOPELESS} steps in a row", where=f"step {self.step}")

    def _note(self) -> None:
        if not self._count:
            return
        figures = {name: float(value) / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        rate = self.course.rate * self.course.factor(self.step - 1)
        self._log.add({"step": self.step, "seconds": round(self.seconds, 1), "rate": rate, **figures})
        self._tell(f"step {self.step} of {self.course.steps}  {self.seconds:.0f} s  {_said(figures)}")

    def _examine(self) -> None:
        """The averaged weights on dev; they are kept where they are the best so far."""
        with torch.no_grad():
            figures = {name: float(value) for name, value in self.task.evaluate(self.average).items()}
        self.average.eval()
        self._dev.add({"step": self.step, "seconds": round(self.seconds, 1), **figures})
        self._tell(f"dev at step {self.step}  {_said(figures)}")
        score = next(iter(figures.values()))
        if score > self.best:
            self.best, self.best_step, self.figures = score, self.step, figures
            self._write(state.BEST)

    def _write(self, name: str) -> None:
        part = self.out / (name + ".part")
        weights.write(self.average, self.task.kind, self.task.shape, part)
        part.replace(self.out / name)


def _said(figures: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
