"""A task, classification by margins: `python main.py task=example_task task.margin=2`."""

from torch.nn.functional import multi_margin_loss

from tasks.task import Task


class Hinge(Task):
    metric = "error"
    better = "min"
    margin: float = 1.0

    def loss(self, output, x, y):
        return multi_margin_loss(output, y, margin=self.margin)

    def metric_sum(self, output, x, y):
        return (output.argmax(1) != y).sum()
