"""How the operator is told to end."""

import asyncio
import signal
import threading


def stop_on_signals(stop: asyncio.Event) -> None:
    """Kopf hooks the signals too, and exits without letting us finish what is in flight: ours go last."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
