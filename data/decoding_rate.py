"""How fast images are decoded, measured where they are decoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class DecodingRate:
    """images: decoded so far. seconds: that they took, added up over the workers. workers: 0: the run's own process."""

    images: int = 0
    seconds: float = 0.0
    workers: int = 0

    def add(self, images: int, seconds: float, workers: int) -> None:
        self.images, self.seconds, self.workers = self.images + images, self.seconds + seconds, workers

    def per_second(self) -> float:
        """Images that all workers together decode in a second."""
        return self.images * max(1, self.workers) / self.seconds
