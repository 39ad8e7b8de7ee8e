"""A data set: `python main.py data=example_data data.noise=0.2 model=mlp`."""

import torch


def two_moons(noise: float = 0.1, train: int = 1000, test: int = 500):
    generator = torch.Generator().manual_seed(0)

    def draw(n):
        y = torch.arange(n) % 2
        angle = torch.rand(n, generator=generator) * torch.pi
        x = torch.stack([angle.cos() * (1 - 2 * y) + y, angle.sin() * (1 - 2 * y) + y / 2], 1)
        return x + noise * torch.randn(n, 2, generator=generator), y

    return draw(train), draw(test)
