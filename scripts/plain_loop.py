"""What a tutorial shows: the loop that scripts/bench_train.py measures the runner against."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torchvision import datasets, transforms

if TYPE_CHECKING:
    from runner.train.trainer import Trainer


def images_like(shape: tuple[int, ...], n: int) -> tuple[Tensor, Tensor]:
    """Random images (n, channels, height, width) of bytes and random labels of ten classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)
    return x, torch.randint(0, 10, (n,), generator=generator)


class PlainLoop:
    """One network trained by SGD with momentum on images that come through a DataLoader, one by one."""

    def __init__(self, trainer: Trainer, images: int, device: str) -> None:
        config: Any = trainer.config
        data = data_set(config, *images_like(config.data.shape, images))
        self.loader = torch.utils.data.DataLoader(data, config.settings.batch_size, shuffle=True)
        self.model = copy.deepcopy(trainer.model)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=config.optim.lr, momentum=config.optim.momentum)
        reconstruct = config.task.metric == "mse"
        self.loss = nn.BCEWithLogitsLoss() if reconstruct else nn.CrossEntropyLoss()
        self.target = (lambda x, y: x.flatten(1)) if reconstruct else (lambda x, y: y)
        self.device, self.total = device, 0.0

    def epoch(self) -> None:
        self.model.train()
        for x, y in self.loader:
            x, y = x.to(self.device), y.to(self.device)
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), self.target(x, y))
            loss.backward()
            self.optimizer.step()
            self.total += loss.item()


def data_set(config: Any, x: Tensor, y: Tensor) -> Any:
    """torchvision's class with these images instead of those of its files."""
    grey = x.shape[1] == 1
    chosen: Any = (datasets.MNIST if grey else datasets.CIFAR10).__new__(datasets.MNIST if grey else datasets.CIFAR10)
    chosen.data = x[:, 0] if grey else x.permute(0, 2, 3, 1).numpy()
    chosen.targets = y if grey else y.tolist()
    steps: list[Any] = []
    if config.data.augment == "crop_flip":
        steps += [transforms.RandomCrop(x.shape[-1], padding=4), transforms.RandomHorizontalFlip()]
    steps.append(transforms.ToTensor())
    if config.data.normalize:
        steps.append(transforms.Normalize(*config.data.statistics))
    chosen.transform, chosen.target_transform = transforms.Compose(steps), None
    return chosen
