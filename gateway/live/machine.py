"""The computer's own figures for the live board: processor, memory, network."""

import time

import psutil


class Machine:
    """What the computer says of itself."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._network = psutil.net_io_counters()
        psutil.cpu_percent(None)

    def figures(self) -> dict[str, float]:
        now, network = time.monotonic(), psutil.net_io_counters()
        passed = max(0.001, now - self._at)
        received = (network.bytes_recv - self._network.bytes_recv) / passed
        sent = (network.bytes_sent - self._network.bytes_sent) / passed
        self._at, self._network = now, network
        memory = psutil.virtual_memory()
        return {
            "cpu_percent": psutil.cpu_percent(None),
            "memory_percent": memory.percent,
            "memory_used_mb": round(memory.used / 2**20),
            "network_in_kb_per_s": round(received / 1024, 1),
            "network_out_kb_per_s": round(sent / 1024, 1),
        }
