"""Gaussian mixtures with diagonal covariance: fitted, joined, asked how likely frames are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]
ROUNDS = 6
NARROWEST = 0.05  # of the variance of all frames: no Gaussian gets narrower


@dataclass(frozen=True)
class Mixture:
    """Means and variances of shape (components, dimensions), weights of shape (components,)."""

    means: Frames
    variances: Frames
    weights: Frames

    @classmethod
    def of(cls, frames: Frames, components: int, rounds: int = ROUNDS) -> Mixture:
        """Fitted to frames of shape (n, dimensions), from means at even steps through them: the same frames, the same mixture."""
        places = (np.arange(components) + 0.5) * len(frames) / components
        spread = np.tile(frames.var(0) + 1e-6, (components, 1))
        return cls(frames[places.astype(int)], spread, np.full(components, 1 / components, np.float32)).fitted(frames, rounds)

    def fitted(self, frames: Frames, rounds: int = ROUNDS) -> Mixture:
        """After more rounds of expectation and maximisation on `frames`."""
        mixture, narrowest = self, NARROWEST * frames.var(0) + 1e-6
        for _ in range(rounds):
            joint = mixture._joint(frames)
            joint -= joint.max(1, keepdims=True)
            share = np.exp(joint, out=joint)
            share /= share.sum(1, keepdims=True)
            counts = share.sum(0)[:, None] + 1e-3
            means = share.T @ frames / counts
            variances = np.maximum(share.T @ np.square(frames) / counts - np.square(means), narrowest)
            mixture = Mixture(means, variances, (counts / counts.sum())[:, 0])
        return mixture

    def joined(self, other: Mixture, weight: float) -> Mixture:
        """The components of both, `weight` of the whole for ours."""
        return Mixture(
            np.concatenate([self.means, other.means]),
            np.concatenate([self.variances, other.variances]),
            np.concatenate([self.weights * np.float32(weight), other.weights * np.float32(1 - weight)]),
        )

    def score(self, frames: Frames) -> Frames:
        """The logarithm of the likelihood of each frame, shape (n,)."""
        joint = self._joint(frames)
        top = joint.max(1)
        return top + np.log(np.exp(joint - top[:, None]).sum(1))  # type: ignore[no-any-return]

    def _joint(self, frames: Frames) -> Frames:
        precision = 1 / self.variances
        constant = (np.square(self.means) * precision + np.log(2 * np.pi * self.variances)).sum(1)
        squares = np.square(frames) @ precision.T - 2 * frames @ (self.means * precision).T + constant
        return np.log(self.weights) - 0.5 * squares  # type: ignore[no-any-return]
