"""The loss and the development figures of the diarizer with attractors: who speaks when, and how many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.audio.source import Samples
from sepdiar.networks import weights
from sepdiar.networks.eend import HOP, activity
from sepdiar.training.corpus import Corpus
from sepdiar.training.dialogues import Dialogues, Drawing, Window
from sepdiar.training.segmentation import CLEAN
from sepdiar.training.task import Batch, Figures, table

SPEAKERS = 4  # in a window, at most: three in conversation, and a guest
# how the dev windows are drawn, and the share of them with a guest
CONDITIONS = {
    "two": (CLEAN, 0.0),
    "three": (replace(CLEAN, third=1.0), 0.0),
    "four": (replace(CLEAN, third=1.0), 1.0),
    "noisy": (replace(CLEAN, noise=1.0), 0.0),
}


@dataclass(frozen=True)
class Learning:
    """The table [learning] of a recipe: windows in a batch and of each dev condition, the share of windows with a guest (see
    `Party`), and the weight of how many speakers there are."""

    batch: int = 16
    dev: int = 24
    guest: float = 0.3
    existence: float = 1.0


class Party:
    """Windows of dialogue, some with a guest: one more person, who speaks and pauses without heed of the others.

    Windows of a conversation have three people at most. What a guest says overlaps as it comes, as all speech does in the
    mixtures of the paper; the guest is heard in the same line as the others, so that only the voice tells who it is.
    """

    def __init__(self, dialogues: Dialogues, guest: float) -> None:
        self._share, self._plain, self._hosts, self._guest = guest, dialogues, copy(dialogues), copy(dialogues)
        self._hosts.drawing = replace(dialogues.drawing, band=0.0, colour=0.0, even=0.0, volume=(0.0, 0.0))
        self._guest.drawing = replace(self._hosts.drawing, nobody=0.0, alone=1.0, third=0.0, noise=0.0)

    def window(self, rng: Generator) -> Window:
        """One window, all of it decided by `rng`."""
        if rng.random() >= self._share:
            return self._plain.window(rng)
        hosts, guest = self._hosts.window(rng), self._guest.window(rng)
        if set(guest.voices) & set(hosts.voices):
            return hosts
        return Window(hosts.samples + guest.samples, hosts.turns + guest.turns, hosts.voices + guest.voices)


class EendEda:
    """The task `eend`: tables `network` (its shape), `windows` (see `Drawing`) and `learning` of the recipe."""

    kind = "eend"

    def __init__(
        self,
        recipe: Mapping[str, Any],
        train: Corpus,
        dev: Corpus,
        noises: Sequence[Samples] = (),
        rooms: Sequence[Samples] = (),
    ) -> None:
        self.shape: Mapping[str, Any] = recipe.get("network", {})
        self.network, self.heads = weights.make(self.kind, self.shape), nn.Module()
        self.learning, drawing = table(Learning, recipe, "learning"), table(Drawing, recipe, "windows")
        self._party = Party(Dialogues(train, drawing, noises, rooms), self.learning.guest)
        self._dev = {}
        for name, (condition, guest) in CONDITIONS.items():
            party = Party(Dialogues(dev, replace(condition, seconds=drawing.seconds)), guest)
            rng = np.random.default_rng(7)
            self._dev[name] = [party.window(rng) for _ in range(self.learning.dev)]

    def batch(self, rng: Generator) -> Batch:
        """Samples (batch, samples), and who speaks (batch, steps, speakers), those who do at all first."""
        windows = [self._party.window(rng) for _ in range(self.learning.batch)]
        spoken = np.stack([present_first(window.activity(HOP, SPEAKERS)) for window in windows])
        return np.stack([window.samples for window in windows]), spoken.astype(np.float32)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        """The cross-entropy of who speaks in the best order of the speakers, and of who exists."""
        samples, spoken = (torch.as_tensor(part) for part in batch)
        talk, there = network(samples, SPEAKERS + 1)
        wrong, miscounted = in_any_order(talk, spoken).mean(), existence(there, spoken).mean()
        return wrong + self.learning.existence * miscounted, {"talk": wrong.detach(), "existence": miscounted.detach()}

    @torch.no_grad()
    def evaluate(self, network: nn.Module) -> Figures:
        """What `errors` counts on the dev speakers, each condition apart; first what is right in the mean of the conditions."""
        network.eval()
        found = {name: pooled([errors(one, said(network, one)) for one in windows]) for name, windows in self._dev.items()}
        network.train()
        right = 1 - float(np.mean([row["der"] for row in found.values()]))
        return {"right": right, **{f"{name}_{key}": value for name, row in found.items() for key, value in row.items()}}


def present_first(spoken: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same speakers (frames, speakers), those who never speak last."""
    return spoken[:, np.argsort(~spoken.any(0), kind="stable")]


def in_any_order(talk: Tensor, spoken: Tensor) -> Tensor:
    """The cross-entropy of a step and speaker in each window, (batch,), in the order of the speakers in which it is least.

    Of the logits (batch, steps, attractors) the first count, as many as speak: `spoken` (batch, steps, speakers), whose first
    columns are those who do. Where nobody speaks, it is 0.
    """
    talk = talk.float()[:, :, :, None]
    costs = (F.softplus(talk) - talk * spoken[:, :, None]).mean(1)  # of each attractor against each speaker
    each = []
    for cost, count in zip(costs, spoken.any(1).sum(1).tolist(), strict=True):
        own = cost[:count, :count]
        rows, columns = linear_sum_assignment(own.detach().cpu().numpy())
        each.append(own[rows, columns].sum() / max(1, count))
    return torch.stack(each)


def existence(there: Tensor, spoken: Tensor) -> Tensor:
    """The cross-entropy of who exists in each window, (batch,), from logits (batch, attractors): all who speak, and then
    nobody; what comes after that does not count."""
    count, place = spoken.any(1).sum(1)[:, None], torch.arange(there.shape[1], device=there.device)
    wrong = F.binary_cross_entropy_with_logits(there.float(), (place < count).float(), reduction="none")
    return (wrong * (place <= count)).sum(1) / (count[:, 0] + 1)


def said(network: nn.Module, window: Window) -> NDArray[np.bool_]:
    """Who speaks in each step, (steps, speakers), by the network."""
    samples = torch.from_numpy(window.samples)[None].to(next(network.parameters()).device)
    heard: NDArray[np.bool_] = (activity(network, samples, SPEAKERS)[0] > 0.5).cpu().numpy()
    return heard


def errors(window: Window, made: NDArray[np.bool_]) -> dict[str, float]:
    """Counts of one window, in the best order of its speakers: steps `missed`, `invented`, `confused` and in all `spoken`
    (without collar, each speaker's counting), and whether the speakers are as many as they should be."""
    true = window.activity(HOP, SPEAKERS)
    common = true.T.astype(int) @ made.astype(int)
    right = int(common[linear_sum_assignment(-common)].sum())
    spoken, heard, paired = int(true.sum()), int(made.sum()), int(np.minimum(true.sum(1), made.sum(1)).sum())
    counts = {"missed": spoken - paired, "invented": heard - paired, "confused": paired - right, "spoken": spoken}
    return {**counts, "counted": float(true.any(0).sum() == made.any(0).sum())}


def pooled(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The shares of all windows together; of `counted`, that of the windows."""
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    shares = {key: total[key] / max(1.0, total["spoken"]) for key in ("missed", "invented", "confused")}
    return {"der": sum(shares.values()), **shares, "counted": total["counted"] / len(rows)}
