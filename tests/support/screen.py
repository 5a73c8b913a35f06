"""Runs `init` behind a pseudo-terminal, types at it, and reads what it shows."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.paths import ROOT

SECONDS = 60  # a ceiling for each wait: starting Python may take long on a busy machine
# The pseudo-terminal controls the process, so that Ctrl-C and hidden input work. The command is told that this is no
# checkout, so its file goes into the current folder.
_START = """
import fcntl, sys, termios
from pathlib import Path
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from proxy.__main__ import main
from proxy.cli.init import command
command.ROOT = Path(sys.argv[1])
sys.exit(main(["init", *sys.argv[2:]]))
"""


class Screen:
    """A process behind a pseudo-terminal. `text` is what it has shown so far, with `\\n` for each line end."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        import pty  # not on Windows

        self.folder, self.text = folder, ""
        self._master, slave = pty.openpty()
        kept = {name: os.environ[name] for name in os.environ if name.startswith(("PATH", "COVERAGE"))}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(folder / "nowhere"), *arguments],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(ROOT), "TERM": "dumb", "PYTHONUTF8": "1", **environ},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, text: str) -> None:
        """Read until the process has shown `text`; what comes after it stays for the next call."""
        end = time.monotonic() + SECONDS
        start = len(self.text)
        while text not in self.text[start:]:
            assert time.monotonic() < end, f"no {text!r} in: {self.text[start:]!r}"
            if not self._read():
                raise AssertionError(f"it ended without {text!r}: {self.text[start:]!r}")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, then type a line."""
        self.wait_for(question)
        self.type(f"{text}\n")

    def end(self) -> int:
        """Its exit code."""
        while self._read():
            pass
        return self._process.wait(SECONDS)

    def hang_up(self) -> int:
        """End it as a terminal does whose window is closed. Returns its exit code."""
        os.killpg(self._process.pid, signal.SIGHUP)
        return self._process.wait(SECONDS)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(SECONDS)
        os.close(self._master)

    def _read(self) -> bool:
        """Read what is there, waiting for some. False at the end."""
        if not select.select([self._master], [], [], SECONDS)[0]:
            raise AssertionError(f"it shows nothing more: {self.text!r}")
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # Linux reports the end of a pseudo-terminal so
            return False
        self.text += data.decode().replace("\r\n", "\n")
        return bool(data)
