"""Properties of classes from elsewhere that this package's optimizers have by other checks."""

from __future__ import annotations

import torch

from ..external.resume_check import through_a_file
from .candidate import Candidate, NotApplicable, copies, set_gradients
from .checks import EXTERNAL_CHECKS, HALF, check, equal, goes_on


@check("bfloat16 parameters move and stay finite, and resuming goes on", EXTERNAL_CHECKS)
def bfloat16(candidate: Candidate) -> None:
    params = candidate.parameters(HALF)
    before, optimizer = copies(params), candidate.build(params)
    halfway = candidate.train(optimizer, params, 7)
    assert all(bool(x.isfinite().all()) for x in halfway), "a weight is not finite after 7 steps"
    assert not all(map(torch.equal, before, halfway)), "no parameter has moved in 7 steps"
    again = [torch.nn.Parameter(x) for x in halfway]
    resumed = candidate.build(again)
    resumed.load_state_dict(through_a_file(optimizer.state_dict()))
    goes_on(candidate, optimizer, params, resumed, again, 7, "resumed")


@check("float32 parameters move by no more than rounding from those in float64", EXTERNAL_CHECKS)
def float32(candidate: Candidate) -> None:
    narrow, wide = candidate.parameters(torch.float32), candidate.parameters(torch.float32)
    wide = [torch.nn.Parameter(p.detach().double()) for p in wide]
    a = candidate.train(candidate.build(narrow), narrow, 5)
    b = candidate.train(candidate.build(wide), wide, 5)
    worst = max(float((x - y).abs().max()) for x, y in zip(a, b, strict=True))
    assert worst < 1e-3, f"{worst:.1e} away after 5 steps"


@check("groups with rates of their own are two optimizers", EXTERNAL_CHECKS)
def rates(candidate: Candidate) -> None:
    if candidate.is_global:
        raise NotApplicable("it looks at all parameters at once")
    together, apart = candidate.parameters(), candidate.parameters()
    lr = candidate.defaults["lr"]
    groups = [{"params": together[:2]}, {"params": together[2:], "lr": lr / 2}]
    candidate.train(candidate.build(groups), together, 8)
    parts = [candidate.build([{"params": apart[:2], "lr": lr}]), candidate.build([{"params": apart[2:], "lr": lr / 2}])]
    for n in range(8):
        loss = set_gradients(apart, n)
        for part in parts:
            candidate.step(part, loss)
    equal(together, apart, "other weights")
