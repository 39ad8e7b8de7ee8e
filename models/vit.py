"""Vision transformers, in the two forms that MoMo's experiments have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from models.model import Model

if TYPE_CHECKING:
    from torch import nn

COUNT = {"range": "[1, inf)"}
PROBABILITY = {"range": "[0, 1)"}


@dataclass(frozen=True, kw_only=True)
class ViT(Model):
    """Patches -> linear embedding -> class token and positions -> `depth` pre-norm blocks -> LayerNorm -> scores.

    A block is x + attention(norm(x)), then x + mlp(norm(x)) with GELU. Sources: Dosovitskiy et al., ICLR 2021;
    the defaults are MoMo's CIFAR-10 network (Schaipp et al., ICML 2024; 9,524,842 parameters), after
    lucidrains/vit-pytorch; configs/model/vit_tiny.yaml is timm's vit_tiny_patch16_224 (5,717,416 parameters for
    1000 classes). Deviations: the last LayerNorm sees the class token only and timm's patch convolution is a
    linear map of the patches, both the same functions; one head as wide as `dim` keeps its output projection.
    """

    name: ClassVar[str] = "vit"

    patch: int = field(default=4, metadata=COUNT)  # pixels of a patch's side
    dim: int = field(default=512, metadata=COUNT)
    depth: int = field(default=6, metadata=COUNT)
    heads: int = field(default=8, metadata=COUNT)
    dim_head: int = field(default=64, metadata=COUNT)
    mlp: int = field(default=512, metadata=COUNT)  # hidden units of a block's MLP
    dropout: float = field(default=0.1, metadata=PROBABILITY)  # of attention weights and within the blocks
    emb_dropout: float = field(default=0.1, metadata=PROBABILITY)  # after positions are added
    qkv_bias: bool = False
    patch_norm: bool = True  # LayerNorms before and after the patch embedding
    norm_eps: float = field(default=1e-5, metadata={"range": "(0, inf)"})
    #: "default": PyTorch's, token and positions N(0, 1); "timm": see `as_timm`
    init: Literal["default", "timm"] = "default"

    def check_shape(self, shape: tuple[int, ...]) -> None:
        _, height, width = shape
        if height % self.patch or width % self.patch:
            raise ValueError(f"model.patch={self.patch} does not divide images of {height}x{width} pixels")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        from models.layers.transformer import ClassToken, FirstToken, Patches

        channels, height, width = shape
        pixels = channels * self.patch**2
        embedding: list[nn.Module] = [nn.Linear(pixels, self.dim)]
        if self.patch_norm:
            embedding = [nn.LayerNorm(pixels, self.norm_eps), *embedding, nn.LayerNorm(self.dim, self.norm_eps)]
        network = nn.Sequential(
            Patches(self.patch),
            nn.Sequential(*embedding),
            ClassToken((height // self.patch) * (width // self.patch), self.dim),
            nn.Dropout(self.emb_dropout),
            nn.Sequential(*(layer for _ in range(self.depth) for layer in self.block())),
            FirstToken(),
            nn.LayerNorm(self.dim, self.norm_eps),
            nn.Linear(self.dim, classes),
        )
        if self.init == "timm":
            as_timm(network)
        return network

    def block(self) -> tuple[nn.Module, nn.Module]:
        from torch import nn

        from models.layers.transformer import Added, Attention

        attention = Attention(self.dim, self.heads, self.dim_head, self.qkv_bias, self.dropout)
        mlp = [nn.Linear(self.dim, self.mlp), nn.GELU(), nn.Dropout(self.dropout), nn.Linear(self.mlp, self.dim)]
        return (
            Added(nn.LayerNorm(self.dim, self.norm_eps), attention, nn.Dropout(self.dropout)),
            Added(nn.LayerNorm(self.dim, self.norm_eps), *mlp, nn.Dropout(self.dropout)),
        )


def as_timm(network: nn.Sequential) -> None:
    """Linear weights and positions N(0, 0.02^2), class token N(0, 1e-12), biases 0; the patch embedding, which is a
    convolution in timm, stays PyTorch's. (timm cuts the normals at +-2, a hundred standard deviations.)"""
    from torch import nn

    from models.layers.transformer import ClassToken

    embedding = set(network[1].modules())
    for module in network.modules():
        if isinstance(module, nn.Linear) and module not in embedding:
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, ClassToken):
            nn.init.normal_(module.token, std=1e-6)
            nn.init.trunc_normal_(module.positions, std=0.02)
