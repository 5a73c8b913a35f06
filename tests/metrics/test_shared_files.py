"""The files that several processes share: there is room for all that a process can count before it counts anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.metrics import shared_files
from tests.support.paths import ROOT
from tests.support.upstream import CEILING

_FILL = """
from itertools import product

from proxy.metrics.recorder import Recorder
from proxy.metrics.shared_files import shared_folder

assert shared_folder() and shared_folder()
recorder = Recorder()
recorder.begun()
for number in range(900):
    recorder.finished(
        {
            "method": "POST",
            "path": "/v1beta/models/gemini:streamGenerateContent",
            "status": 400 + number % 2,
            "ending": f"{number:_>40}",
            "upstream": f"{number:_>40}" if number % 3 else None,
            "store_error": f"{number:_>40}",
            "duration_ms": 1.0,
            "stream": True,
            "gen_ai.response.time_to_first_chunk": 1.0,
            "bytes_in": 1,
            "bytes_out": 1,
            "gen_ai.request.model": f"{number:_>100}",
            "gen_ai.usage.input_tokens": 1,
            "gen_ai.usage.output_tokens": 1,
            "gen_ai.usage.cache_read.input_tokens": 1,
            "gen_ai.usage.reasoning.output_tokens": 1,
            "cost_usd": 1.0,
        },
        was_running=False,
    )
"""


def test_no_file_grows_however_many_labels_there_are(tmp_path: Path) -> None:
    """A file that grows is sparse, and on a full disk its next page would end the process."""
    environ = {**os.environ, shared_files.VARIABLE: str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", _FILL], env=environ, check=True, timeout=CEILING)
    sizes = {path.name.rpartition("_")[0]: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == shared_files.RESERVED_BYTES
    used = {
        path.name.rpartition("_")[0]: int.from_bytes(path.read_bytes()[:4], sys.byteorder)
        for path in tmp_path.iterdir()
    }
    assert all(used[kind] < size for kind, size in shared_files.RESERVED_BYTES.items())
    assert used["histogram"] > shared_files.RESERVED_BYTES["histogram"] / 3, "nothing was filled"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not say how many blocks a file has")
def test_files_have_blocks_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(shared_files.VARIABLE, str(tmp_path))
    assert shared_files.shared_folder() == str(tmp_path)
    for path in tmp_path.iterdir():
        os.sync()
        status = path.stat()
        assert status.st_blocks * 512 >= status.st_size, path.name


def test_a_process_that_died_is_forgotten_once(tmp_path: Path) -> None:
    for name in ("gauge_livesum_7.db", "gauge_livesum_8.db", "counter_7.db"):
        (tmp_path / name).touch()
    shared_files.forget_process(str(tmp_path), 7)
    shared_files.forget_process(str(tmp_path), 7)
    assert {path.name for path in tmp_path.iterdir()} == {"gauge_livesum_8.db", "counter_7.db"}
