"""Files of plugins/ for tests, and the words of a short run."""

from conftest import ROOT

SMALL = ["task=digits", "epochs=2", "limit_train=64", "limit_val=50", "limit_test=50"]
TORCH = "import torch\nfrom torch import nn\n"
LION = (ROOT / "plugins" / "example_optimizer.py").read_text()
SGD = f"""{TORCH}
class SGD(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, dict(lr=lr))

    def step(self):
        for p in self.param_groups[0]["params"]:
            p.data.sub_(self.param_groups[0]["lr"] * p.grad)
"""
CLOSURE = SGD.replace("def step(self):", "def step(self, closure):")
NET = f"""{TORCH}
class Net(nn.Module):
    def __init__(self, classes, width: int = 8):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, classes))

    def forward(self, x):
        return self.layers(x)
"""
DATA = """import torch
def points():
    x = torch.linspace(-1, 1, 40).reshape(20, 2)
    return (x, (x.sum(1) > 0).long()), (x, (x.sum(1) > 0).long())
"""

TASK = """from tasks.task import Task
from torch.nn.functional import cross_entropy
class T(Task):
    metric, better = 'acc', 'max'
    def loss(self, output, x, y):
        return cross_entropy(output, y)
    def metric_sum(self, output, x, y):
        return (output.argmax(1) == y).sum()
"""
