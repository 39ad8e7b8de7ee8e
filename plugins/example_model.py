"""A network: `python main.py model=example_model model.width=64`. shape and classes would be those of the data."""

from torch import nn


class Net(nn.Sequential):
    def __init__(self, classes: int, width: int = 32, dropout: float = 0.0):
        super().__init__(nn.Flatten(), nn.LazyLinear(width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes))
