"""A resync recurs for ever: after an interval, or sooner after a failure. Both results are counted."""

from __future__ import annotations

import asyncio

import pytest

from wfreport.kube.errors import ServerError
from wfreport.metrics import Metrics
from wfreport.runtime.periodic import run_periodically

INTERVAL = 300.0


class Resyncs:
    """A resync that fails the first times, and the pauses around it."""

    def __init__(self, *, failures: int, error: Exception | None = None) -> None:
        self.error = error or ServerError("down", status=500)
        self.failures = failures
        self.slept: list[float] = []
        self.metrics = Metrics()

    async def resync(self) -> None:
        if self.failures:
            self.failures -= 1
            raise self.error

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 4:
            raise asyncio.CancelledError

    async def run(self, *, initial_delay_seconds: float, retry_seconds: float) -> None:
        with pytest.raises(asyncio.CancelledError):
            await run_periodically(
                self.resync,
                controller="remediation",
                metrics=self.metrics,
                interval_seconds=lambda: INTERVAL,
                initial_delay_seconds=initial_delay_seconds,
                retry_seconds=retry_seconds,
                sleep=self.sleep,
            )

    def counted(self, result: str) -> float | None:
        labels = {"controller": "remediation", "result": result}
        return self.metrics.registry.get_sample_value("wfreport_resyncs_total", labels)


@pytest.mark.parametrize(
    ("retry_seconds", "pause_seconds"),
    [pytest.param(10, 10, id="soon"), pytest.param(900, INTERVAL, id="not later than usual")],
)
async def test_a_resync_that_failed_is_made_again(retry_seconds: float, pause_seconds: float) -> None:
    resyncs = Resyncs(failures=2)
    await resyncs.run(initial_delay_seconds=7, retry_seconds=retry_seconds)
    assert resyncs.slept == [7, pause_seconds, pause_seconds, INTERVAL]
    assert (resyncs.counted("failed"), resyncs.counted("ok")) == (2, 1)


async def test_an_unexpected_exception_ends_no_resync(caplog: pytest.LogCaptureFixture) -> None:
    resyncs = Resyncs(failures=1, error=OverflowError("date value out of range"))
    await resyncs.run(initial_delay_seconds=7, retry_seconds=10)
    assert resyncs.slept == [7, INTERVAL, INTERVAL, INTERVAL], "it is not repeated soon: it would fail again"
    assert (resyncs.counted("failed"), resyncs.counted("ok")) == (1, 2)
    assert [record.message for record in caplog.records] == ["resync failed: unexpected exception"]
