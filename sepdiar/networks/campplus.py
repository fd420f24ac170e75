"""CAM++ (Wang and others 2023, arXiv 2303.00332): a voice as a vector, by 3D-Speaker's published weights.

A few convolutions over time and pitch, then layers over time that each see all before them (a dense time delay network). Each of
those weighs its channels by what surrounds a frame: the mean of the whole stretch and of the second around it (context-aware
masking). Mean and spread over time become the vector. The names of the parts are those of the published weights.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.audio.source import Samples
from sepdiar.errors import SepdiarError
from sepdiar.networks.fbank import HOP, RATE, WINDOW, FilterBanks
from sepdiar.networks.threads import one_thread

FILE = "campplus_cn_en_common.pt"
BANDS, DIM = 80, 192
GROWTH, NARROW = 32, 128  # channels that a layer adds, and through which it looks at those before it
BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers of each block, and how far apart the three frames are that each of them sees
SEGMENT = 100  # frames of 20 ms that have a context of their own
SHORTEST = RATE // 5  # samples; what is shorter is repeated
BATCH_SECONDS = 12.0  # of sound at once: more takes longer, as it no longer fits a processor's caches


class CampPlus(nn.Module):
    """Unit vectors (batch, 192) of 16 kHz samples (batch, samples); what tells of the level and the line is taken out first."""

    def __init__(self) -> None:
        super().__init__()
        self.banks = FilterBanks(BANDS)
        self.head = Head()
        width = NARROW
        layers: dict[str, nn.Module] = {"tdnn": _convolved(32 * BANDS // 8, width, 5, 2)}
        for number, (depth, apart) in enumerate(BLOCKS, 1):
            layers[f"block{number}"] = Block(width, depth, apart)
            width += depth * GROWTH
            layers[f"transit{number}"] = nn.Sequential(
                OrderedDict(nonlinear=_activated(width), linear=nn.Conv1d(width, width // 2, 1, bias=False))
            )
            width //= 2
        layers["out_nonlinear"] = _activated(width)
        layers["stats"] = Statistics()
        layers["dense"] = nn.Sequential(
            OrderedDict(
                linear=nn.Conv1d(2 * width, DIM, 1, bias=False),
                nonlinear=nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(DIM, affine=False))),
            )
        )
        self.xvector = nn.Sequential(OrderedDict(layers))

    def forward(self, samples: Tensor) -> Tensor:
        return self.vectors(self.frames(samples))

    def frames(self, samples: Tensor) -> Tensor:
        """What is known of the voice in each 20 ms, (batch, 512, frames)."""
        pictures = self.banks(samples)
        pictures = pictures - pictures.mean(1, keepdim=True)
        flow = self.head(pictures.transpose(1, 2))
        for name, layer in self.xvector.named_children():
            if name == "stats":
                break
            flow = layer(flow)
        return cast(Tensor, flow)

    def vectors(self, frames: Tensor) -> Tensor:
        """Unit vectors of some frames, which may be cut out of those of a longer stretch."""
        pooled = self.xvector.dense(self.xvector.stats(frames))  # type: ignore[operator]
        return F.normalize(pooled.squeeze(2), dim=1)


class Head(nn.Module):
    """Convolutions over time and pitch, which they make eight times as coarse: (batch, 80, frames) to (batch, 320, frames)."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(Residual(channels, 2), Residual(channels, 1))
        self.layer2 = nn.Sequential(Residual(channels, 2), Residual(channels, 1))
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, (2, 1), 1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, picture: Tensor) -> Tensor:
        flow = F.relu(self.bn1(self.conv1(picture[:, None])))
        flow = F.relu(self.bn2(self.conv2(self.layer2(self.layer1(flow)))))
        return flow.flatten(1, 2)


class Residual(nn.Module):
    """Two convolutions and a way around them; `step` in pitch."""

    def __init__(self, channels: int, step: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, (step, 1), 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if step > 1:
            around = nn.Conv2d(channels, channels, 1, (step, 1), bias=False)
            self.shortcut = nn.Sequential(around, nn.BatchNorm2d(channels))

    def forward(self, flow: Tensor) -> Tensor:
        made = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(flow)))))
        return F.relu(made + self.shortcut(flow))


class Block(nn.Module):
    """Layers of which each adds channels to all that it sees."""

    def __init__(self, width: int, depth: int, apart: int) -> None:
        super().__init__()
        for number in range(depth):
            self.add_module(f"tdnnd{number + 1}", Layer(width + number * GROWTH, apart))

    def forward(self, flow: Tensor) -> Tensor:
        for layer in self.children():
            flow = torch.cat([flow, layer(flow)], 1)
        return flow


class Layer(nn.Module):
    """The channels that one layer of a block adds."""

    def __init__(self, width: int, apart: int) -> None:
        super().__init__()
        self.nonlinear1 = _activated(width)
        self.linear1 = nn.Conv1d(width, NARROW, 1, bias=False)
        self.nonlinear2 = _activated(NARROW)
        self.cam_layer = Masked(apart)

    def forward(self, flow: Tensor) -> Tensor:
        made: Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(flow))))
        return made


class Masked(nn.Module):
    """Three frames together, each channel weighed by the context: the mean of all frames and that of the segment."""

    def __init__(self, apart: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(NARROW, GROWTH, 3, padding=apart, dilation=apart, bias=False)
        self.linear1 = nn.Conv1d(NARROW, NARROW // 2, 1)
        self.linear2 = nn.Conv1d(NARROW // 2, GROWTH, 1)

    def forward(self, flow: Tensor) -> Tensor:
        context = flow.mean(2, keepdim=True) + F.avg_pool1d(flow, SEGMENT, SEGMENT, ceil_mode=True)
        mask = torch.sigmoid(self.linear2(F.relu(self.linear1(context))))
        weighed: Tensor = self.linear_local(flow) * mask.repeat_interleave(SEGMENT, 2)[:, :, : flow.shape[2]]
        return weighed


class Statistics(nn.Module):
    """Mean and spread of each channel over time, (batch, 2 x channels, 1)."""

    def forward(self, flow: Tensor) -> Tensor:
        return torch.cat([flow.mean(2, keepdim=True), flow.std(2, keepdim=True)], 1)


class Voices:
    """The voice of each of many stretches as a vector of length 1, by weights that were pulled, or that lie in `path`."""

    rate, dim = RATE, DIM

    def __init__(self, model: str = "campplus", path: str = "", device: str = "cpu") -> None:
        from sepdiar.models.published import in_folder, pulled, weights

        found = in_folder(path, [FILE]) if path else pulled(model, [FILE])
        self.model, self.model_sha256, self._device = found.name, found.sha256, device
        self.network = filled(weights(found.files[FILE])[0], found.files[FILE]).to(device)

    def __call__(self, stretches: Sequence[Samples]) -> Samples:
        """Vectors (stretches, 192) of stretches of 16 kHz samples, of any lengths; those of one length are heard together.

        What a stretch gives does not depend on those beside it. It should be of one voice; 0.5 s tell something, 1.5 s a lot.
        """
        alike: dict[int, list[int]] = defaultdict(list)
        for number, stretch in enumerate(stretches):
            alike[max(len(stretch), SHORTEST)].append(number)
        vectors = np.zeros((len(stretches), DIM), np.float32)
        with one_thread(), torch.inference_mode():
            for length, numbers in sorted(alike.items()):
                most = max(1, int(BATCH_SECONDS * RATE / length))
                for some in (numbers[at : at + most] for at in range(0, len(numbers), most)):
                    rows = np.stack([np.resize(stretches[number], length) for number in some])
                    vectors[some] = self.network(torch.from_numpy(rows).to(self._device)).cpu().numpy()
        return vectors

    def frames(self, samples: Samples) -> Tensor:
        """What is known of the voice in each 20 ms of samples, (1, 512, frames), the first one from 0 to 20 ms."""
        with one_thread(), torch.inference_mode():
            heard = torch.from_numpy(np.pad(samples, (WINDOW // 2 - HOP // 2, WINDOW // 2 + HOP // 2)))
            return self.network.frames(heard[None].to(self._device))

    def vector(self, frames: Tensor) -> Samples:
        """The voice in some of these frames, (192,)."""
        with one_thread(), torch.inference_mode():
            made: Samples = self.network.vectors(frames)[0].cpu().numpy()
        return made


def filled(tensors: dict[str, Tensor], where: Path) -> CampPlus:
    """The network with these weights, ready to work; SD251 where they are of another one."""
    network = CampPlus()
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        what = f"no weights of CAM++: {str(error).splitlines()[-1].strip()}"
        raise SepdiarError("SD251", what, where=str(where), hint="sepdiar models pull campplus") from error
    return network.eval()


def _activated(width: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(width), relu=nn.ReLU()))


def _convolved(width: int, made: int, frames: int, step: int) -> nn.Sequential:
    convolution = nn.Conv1d(width, made, frames, step, frames // 2, bias=False)
    return nn.Sequential(OrderedDict(linear=convolution, nonlinear=_activated(made)))
