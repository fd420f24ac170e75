"""The loss and the development figures of the segmentation: who speaks when in a window, whatever the speakers are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Samples
from sepdiar.conversation import Span, merged
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.turns import turn_taking
from sepdiar.networks import weights
from sepdiar.networks.segmenter import CLASSES, HOP, SPEAKERS, STRIDE
from sepdiar.simulation.speech import PAUSE, SHORTEST
from sepdiar.training.corpus import RATE, Corpus
from sepdiar.training.dialogues import Dialogues, Drawing, Window
from sepdiar.training.task import Batch, Figures, table

ORDERS = tuple(permutations(range(SPEAKERS)))
APART = 0.5  # seconds between two moments of one voice that are worth comparing
MEMBERS = np.array([[speaker in who for speaker in range(SPEAKERS)] for who in CLASSES])
# for each order of the speakers, where each class goes
RENAMED = torch.tensor([[CLASSES.index(tuple(sorted(order[who] for who in names))) for names in CLASSES] for order in ORDERS])
CLEAN = Drawing(
    alone=0.0, third=0.0, nobody=0.0, overlap=(0.2, 0.2), whole=1.0, levels=(-3.0, 3.0), volume=(0.0, 0.0), other=0.0, room=0.0,
    line=0.0, band=0.0, colour=0.0, noise=0.0, snr=(10.0, 25.0), even=0.0,
)  # fmt: skip
CONDITIONS = {"clean": CLEAN, "noisy": replace(CLEAN, noise=1.0), "room": replace(CLEAN, room=1.0)}


@dataclass(frozen=True)
class Learning:
    """The table [learning] of a recipe: windows in a batch and of each dev condition, and the weight of telling voices apart.

    Frames near a change of who speaks count `edges` times more than the others on top.
    """

    batch: int = 16
    dev: int = 64
    voices: float = 0.5
    edges: float = 0.0


class Segmentation:
    """The task `segmentation`: tables `network` (its shape), `windows` (see `Drawing`) and `learning` of the recipe.

    To tell people apart is what is hard to learn from who speaks when alone. So half way up the network is also asked of moments
    at which one person speaks whether any two of them have the same voice; the head that answers is not part of the model.
    """

    kind = "segmenter"

    def __init__(
        self,
        recipe: Mapping[str, Any],
        train: Corpus,
        dev: Corpus,
        noises: Sequence[Samples] = (),
        rooms: Sequence[Samples] = (),
    ) -> None:
        self.shape: Mapping[str, Any] = recipe.get("network", {})
        self.network = weights.make(self.kind, self.shape)
        self.learning = table(Learning, recipe, "learning")
        windows = table(Drawing, recipe, "windows")
        self._dialogues = Dialogues(train, windows, noises, rooms)
        self.heads: nn.Module = Likeness(int(self.network.width))  # type: ignore[arg-type]
        sounds = {name: replace(drawing, seconds=windows.seconds) for name, drawing in CONDITIONS.items()}
        self._dev = {name: development(dev, drawing, self.learning.dev) for name, drawing in sounds.items()}

    def batch(self, rng: Generator) -> Batch:
        """Samples (batch, samples), who speaks (batch, frames, speakers), the voice of each or -1 (batch, speakers)."""
        windows = [self._dialogues.window(rng) for _ in range(self.learning.batch)]
        voices = np.full((len(windows), SPEAKERS), -1)
        for row, window in zip(voices, windows, strict=True):
            row[: len(window.voices)] = window.voices
        spoken = np.stack([window.activity(HOP, SPEAKERS) for window in windows])
        return np.stack([window.samples for window in windows]), spoken.astype(np.float32), voices

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        """The cross-entropy of the classes in the best order of the speakers, and of the voices."""
        samples, spoken, names = (torch.as_tensor(part) for part in batch)
        chances, voices = network.follow(samples)  # type: ignore[operator]
        segments = in_any_order(chances, spoken, self.learning.edges).mean()
        unlike = self.heads(voices, spoken, names)
        return segments + self.learning.voices * unlike, {"segments": segments.detach(), "voices": unlike.detach()}

    @torch.no_grad()
    def evaluate(self, network: nn.Module) -> Figures:
        """What `errors` counts on the dev speakers, each condition apart; first what is right, clean windows counting half."""
        network.eval()
        device = next(network.parameters()).device
        found: dict[str, dict[str, float]] = {}
        for name, windows in self._dev.items():
            made = [network(torch.from_numpy(window.samples)[None].to(device))[0].float().cpu() for window in windows]
            found[name] = pooled([errors(window, chances) for window, chances in zip(windows, made, strict=True)])
        network.train()
        right = 1 - (2 * found["clean"]["der"] + found["noisy"]["der"] + found["room"]["der"]) / 4
        return {"right": right, **{f"{name}_{key}": value for name, row in found.items() for key, value in row.items()}}


def in_any_order(chances: Tensor, spoken: Tensor, edges: float = 0.0) -> Tensor:
    """The cross-entropy of a frame in each window, (batch,), in the order of the speakers in which it is least; who speaks
    is 1 in (batch, frames, speakers), and frames in which all three speak do not count. Those near a change count more."""
    members = torch.from_numpy(MEMBERS.astype(np.float32)).to(spoken.device)
    true = (spoken[:, :, None] == members).all(3).float()
    if edges:
        true = true * (1 + edges * near_changes(spoken))[:, :, None]
    shared = -torch.einsum("btc,btd->bcd", true, chances.float())
    renamed = RENAMED.to(spoken.device)
    each = shared[:, torch.arange(len(CLASSES), device=spoken.device), renamed].sum(2)
    return each.amin(1) / true.sum((1, 2)).clamp(min=1)


def near_changes(spoken: Tensor, frames: int = 5) -> Tensor:
    """1 for the frames at most so many away from a change of who speaks, (batch, frames)."""
    changes = F.pad((spoken[:, 1:] != spoken[:, :-1]).any(2).float(), (1, 0))
    return F.max_pool1d(changes[:, None], 2 * frames + 1, 1, frames)[:, 0]


class Likeness(nn.Module):
    """How wrong it is about which moments of a batch have the same voice: 0 if always right, 0.7 if it knows nothing.

    Half of it is about one person at moments `APART` or more from each other, a quarter about two people in one window, and
    a quarter about people in different windows.
    """

    def __init__(self, width: int, dim: int = 64) -> None:
        super().__init__()
        self.project = nn.Linear(width, dim)
        self.scale, self.offset = nn.Parameter(torch.tensor(5.0)), nn.Parameter(torch.tensor(0.0))

    def forward(self, voices: Tensor, spoken: Tensor, names: Tensor) -> Tensor:
        """`voices` (batch, steps, width) as `Segmenter.follow` gives them, the other two as `Segmentation.batch` does."""
        now = spoken[:, STRIDE // 2 :: 2 * STRIDE]
        window, step = (now.sum(2) == 1).nonzero(as_tuple=True)
        name = names[window, now[window, step].argmax(1)]
        vectors = F.normalize(self.project(voices[window, 2 * step]).float(), dim=1)
        alike = self.scale * (vectors @ vectors.T) + self.offset
        same, here = name[:, None] == name, window[:, None] == window
        far = (step[:, None] - step).abs() * 2 * STRIDE * HOP >= APART * RATE
        parts = (0.5, -alike, same & here & far), (0.25, alike, ~same & here), (0.25, alike, ~same & ~here)
        wrong = (share * (F.softplus(error) * where).sum() / where.sum().clamp(min=1) for share, error, where in parts)
        return torch.stack(list(wrong)).sum()


def development(
    corpus: Corpus,
    drawing: Drawing,
    count: int,
    seed: int = 7,
    noises: Sequence[Samples] = (),
    rooms: Sequence[Samples] = (),
) -> list[Window]:
    """Windows of the dev speakers, always the same."""
    dialogues, rng = Dialogues(corpus, drawing, noises, rooms), np.random.default_rng(seed)
    return [dialogues.window(rng) for _ in range(count)]


def errors(window: Window, chances: Tensor) -> dict[str, float]:
    """Counts of one window, in the best order of its speakers: frames `missed`, `invented`, `confused` and in all `spoken`
    (without collar, each speaker's counting), and `turns`, with the `onsets` of them that are found within 50 ms."""
    made = MEMBERS[chances.argmax(1).numpy()]
    true = window.activity(HOP, SPEAKERS)
    right = max(int((true & made[:, list(order)]).sum()) for order in ORDERS)
    spoken, said, paired = int(true.sum()), int(made.sum()), int(np.minimum(true.sum(1), made.sum(1)).sum())
    counts = {"missed": spoken - paired, "invented": said - paired, "confused": paired - right, "spoken": spoken}
    taking = {"turns": 0, "onsets_50ms": 0}
    if spoken:
        turns = [Segment("w", str(who), _ticks(span, 1)) for who, spans in enumerate(window.turns) for span in spans]
        guess = [Segment("w", str(who), _ticks(span, HOP)) for who in range(SPEAKERS) for span in stretches(made[:, who])]
        taking |= {key: int(turn_taking(turns, guess).counts[key]) for key in taking}
    return {key: float(value) for key, value in (counts | taking).items()}


def stretches(active: NDArray[np.bool_], pause: float = PAUSE, shortest: float = SHORTEST) -> list[Span]:
    """Where a speaker speaks, in frames; pauses that end no turn are bridged, and clicks left out."""
    bridged = merged((Span(*run) for run in runs(active).tolist()), int(pause * RATE / HOP) - 1)
    return [span for span in bridged if len(span) >= shortest * RATE / HOP]


def pooled(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The shares of all windows together."""
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    spoken = max(1.0, total["spoken"])
    shares = {key: total[key] / spoken for key in ("missed", "invented", "confused")}
    return {"der": sum(shares.values()), **shares, "onsets_50ms": total["onsets_50ms"] / max(1.0, total["turns"])}


def _ticks(span: Span, hop: int) -> Span:
    return Span(span.start * hop * TICKS // RATE, span.end * hop * TICKS // RATE)
