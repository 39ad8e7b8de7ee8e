"""Building blocks of networks. They import torch at their top, so only `build` imports them."""
