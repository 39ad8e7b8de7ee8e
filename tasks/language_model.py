"""Language modelling: predict the next token of a text; at the end, let the network write one."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from typing import TYPE_CHECKING, ClassVar, Literal

from data.dataset import DataSet
from data.samples import Samples
from data.text import TextData
from models.model import OUTPUT_DESCRIPTIONS, Model
from tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor, nn

LARGEST_LOSS = 709.0  # whose exponential is a float


@dataclass(frozen=True, kw_only=True)
class LanguageModel(Task):
    """Loss: cross-entropy in nats, mean over predicted tokens. Metric, of that mean: `bpc`, loss / ln 2, bits per
    character where tokens are characters; or `perplexity`, exp(loss), which is recorded with either.

    sample_tokens: length of the text that the best weights write into sample.txt at a run's end, from the test part's
    first token on; 0: none. temperature: T of its draws from softmax(logits / T). scale_lr: the learning rate of a step
    is multiplied by the length of its batch over `data.context`, as Merity et al. (ICLR 2018) do where lengths vary.
    """

    objective: ClassVar[str] = "language_model"
    better: ClassVar[Literal["max", "min"]] = "min"

    metric: Literal["bpc", "perplexity"] = "bpc"  # type: ignore[misc]  # of the base a constant of the class
    sample_tokens: int = field(default=500, metadata={"range": "[0, inf)"})
    temperature: float = field(default=0.8, metadata={"range": "(0, inf)"})
    scale_lr: bool = False

    def check(self, data: DataSet, model: Model) -> None:
        if not isinstance(data, TextData):
            raise ValueError(f"task={self.name} needs text, such as data=text; data={data.name} is none")
        if model.output != "tokens":
            raise ValueError(
                f"task={self.name} needs a model that predicts tokens, such as model=gpt; model={model.name} "
                f"{OUTPUT_DESCRIPTIONS[model.output]}"
            )
        if data.jitter and (getattr(model, "positions", data.longest) or data.context) < data.longest:
            raise ValueError(
                f"data.jitter=true has pieces longer than data.context={data.context}, and model={model.name} has learnt "
                f"positions: set model.positions to {data.longest} or more"
            )

    def loss(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(output.flatten(0, 1), y.flatten())

    def metric_sum(self, output: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """0: the metric is a function of the mean loss."""
        return output.new_zeros(())

    def lr_factor(self, x: Tensor, shape: tuple[int, ...]) -> float:
        return x.shape[-1] / shape[0] if self.scale_lr else 1.0

    def batch_weight(self, samples: int, y: Tensor) -> int:
        return samples * y.shape[-1]

    def values_of_loss(self, loss: float) -> dict[str, float]:
        perplexity = {"perplexity": float("inf") if loss > LARGEST_LOSS else exp(loss)}
        return {"bpc": loss / log(2), **perplexity} if self.metric == "bpc" else perplexity

    def written_text(self, model: nn.Module, samples: Samples, data: DataSet, seed: int) -> str | None:
        import torch

        if not self.sample_tokens or not isinstance(data, TextData):
            return None
        (context,), generator = data.shape, torch.Generator().manual_seed(seed)
        x, _ = next(samples.eval_batches("test", 1))
        tokens, reset_state = x[:1, :1], getattr(model, "reset_state", None)
        if reset_state:
            reset_state()
        with torch.no_grad():
            for _ in range(self.sample_tokens):
                # a network that carries a state has read what is before the last token
                logits = model(tokens[:, -1 if reset_state else -context :])[:, -1].float().cpu()
                drawn = torch.multinomial((logits / self.temperature).softmax(-1), 1, generator=generator)
                tokens = torch.cat([tokens, drawn.to(tokens.device)], 1)
        return data.decode(tokens[0])
