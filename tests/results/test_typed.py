from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from results.typed import load_yaml, read_dataclass


@dataclass(frozen=True)
class Inner:
    x: float
    note: str = ""


@dataclass(frozen=True)
class Outer:
    count: int = field(default=1, metadata={"range": "[1, inf)"})
    rate: float | None = None
    kind: Literal["a", "b"] = "a"
    pair: tuple[float, float] = (0.0, 1.0)
    many: tuple[float, ...] = ()
    flag: bool = False
    inner: Inner = Inner(0.0)
    inners: Sequence[Inner] = ()
    table: Mapping[str, Any] = field(default_factory=dict)


def test_values_become_plain_python_of_the_fields_types():
    node = {"count": 3.0, "rate": 1, "kind": "b", "pair": [1, 2], "many": [1], "flag": True, "inner": {"x": 2}}
    node |= {"inners": [{"x": 1, "note": "n"}], "table": {"k": [1]}}
    read = read_dataclass(Outer, node, "")
    assert read == Outer(3, 1.0, "b", (1.0, 2.0), (1.0,), True, Inner(2.0), [Inner(1.0, "n")], {"k": [1]})
    assert type(read.count) is int and type(read.rate) is float


@pytest.mark.parametrize(
    "node, facts",
    [
        ({"counts": 1}, ["top.counts", "count"]),
        ({"count": 0}, ["top.count=0", "[1, inf)"]),
        ({"count": 1.5}, ["top.count=1.5", "whole number"]),
        ({"count": True}, ["top.count=true", "whole number"]),
        ({"rate": "fast"}, ["top.rate=fast", "number"]),
        ({"kind": "c"}, ["top.kind=c", "a, b"]),
        ({"pair": [1]}, ["top.pair=[1]", "1 values", "2"]),
        ({"pair": 3}, ["top.pair=3", "top.pair=[3]"]),
        ({"flag": 1}, ["top.flag=1", "true or false"]),
        ({"inner": {}}, ["top.inner.x", "missing"]),
        ({"inner": 3}, ["top.inner=3", "group of keys"]),
        ({"inners": [{"x": 1}, {"x": "?"}]}, ["top.inners[1].x=?", "number"]),
        ({"inners": [{"y": 1}]}, ["top.inners[0].y", "x, note"]),
        ({1: 2}, ["top"]),
    ],
)
def test_errors_name_key_value_and_what_is_valid(node, facts):
    with pytest.raises(ValueError) as error:
        read_dataclass(Outer, node, "top")
    for fact in facts:
        assert fact in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"a: [1", b"\xff\xfe"])
def test_a_file_that_is_no_yaml_is_named(tmp_path, content):
    file = tmp_path / "f.yaml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="my file is no YAML"):
        load_yaml(file, "my file")
    with pytest.raises(ValueError, match="my file: No such file"):
        load_yaml(tmp_path / "none.yaml", "my file")
