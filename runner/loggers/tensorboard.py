"""logger=[tensorboard]: an event file in the run's folder.

A resumed run writes it again from the rows up to the checkpoint, which leaves neither duplicates nor gaps.

The HParams tab compares runs by the columns that differ. No run writes the plugin's EXPERIMENT tag, which lists the
columns: TensorBoard would take an arbitrary run's list for all, and so lack other optimizers' settings. Without it the
columns are collected from all runs; the tab shows the first five that differ and the first five metrics by name: best/,
test/. Runs that differ only in the seed are one group, whose mean is shown.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from results.paths import SAMPLE
from runner.loggers.logger import Logger, Row
from runner.loggers.scalars import RowScalars


class TensorBoard(Logger):
    name = "tensorboard"
    modules = ("tensorboard",)
    install = "tensorboard"
    flush_every_s = 0.0  # a local file

    def open(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        for old in self.info.folder.glob("events.out.tfevents.*"):
            old.unlink()
        self.scalars = RowScalars(self.info.metric, self.info.better)
        self.writer = SummaryWriter(str(self.info.folder))
        self.write_hparams(
            "session_start_info", group_name=self.info.group, start_time_secs=time.time(), hparams=self.columns()
        )

    def columns(self) -> dict[str, Any]:
        from google.protobuf.struct_pb2 import Value

        columns = {}
        for key, value in self.info.columns.items():
            kind = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
            content: dict[str, Any] = {kind: value}
            columns[key] = Value(**content)
        return columns

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            for name, value in self.scalars(row).items():
                self.writer.add_scalar(name, value, row["step"])
        self.writer.flush()

    def close(self, status: str) -> None:
        sample = self.info.folder / SAMPLE
        if status == "done" and sample.exists():
            lines = sample.read_text(encoding="utf-8").splitlines()
            self.writer.add_text("sample", "\n".join(f"    {line}" for line in lines))  # as code: kept as it is
        if status != "interrupted":
            status = "STATUS_SUCCESS" if status == "done" else "STATUS_FAILURE"
            self.write_hparams("session_end_info", status=status, end_time_secs=time.time())
        self.writer.close()

    def write_hparams(self, kind: str, **content: Any) -> None:
        """Write a message of the HParams plugin; the writer's add_hparams would create another run beside this one."""
        from tensorboard.compat.proto import summary_pb2
        from tensorboard.plugins.hparams import metadata, plugin_data_pb2

        messages: Any = plugin_data_pb2  # its classes are created at run time
        summaries: Any = summary_pb2
        tag = getattr(metadata, f"{kind.upper()}_TAG")
        content_metadata = metadata.create_summary_metadata(messages.HParamsPluginData(**{kind: content}))
        summary = summaries.Summary(value=[summaries.Summary.Value(tag=tag, metadata=content_metadata)])
        self.writer._get_file_writer().add_summary(summary)
