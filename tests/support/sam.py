"""AWS's SAM CLI in an environment of its own, at a terminal, in front of a stand-in for AWS's API."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.lock import locked
from tests.support.paths import TESTS

HERE = TESTS / "sam"
VENV = HERE.parent.parent / "build" / "sam"
# What SAM makes first in an account, for what it uploads; here it has always been there.
_BUCKET = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>
<Stacks><member><StackName>aws-sam-cli-managed-default</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<CreationTime>2026-01-01T00:00:00Z</CreationTime>
<Tags><member><Key>ManagedStackSource</Key><Value>AwsSamCli</Value></member></Tags>
<Outputs><member><OutputKey>SourceBucket</OutputKey><OutputValue>uploads</OutputValue></member></Outputs>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
_CALLER = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/made-up</Arn><UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
_ERROR = "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>"


@functools.cache
def install() -> Path:
    """The `sam` of the environment, which is made when it is not there or its list has changed."""
    wanted = (HERE / "requirements.txt").read_text(encoding="utf-8")
    done = VENV / "requirements.installed"
    scripts = VENV / ("Scripts" if sys.platform == "win32" else "bin")
    with locked("sam"):
        if done.exists() and done.read_text(encoding="utf-8") == wanted:
            return scripts / "sam"
        uv = [sys.executable, "-m", "uv"]
        make = [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)]
        pip = [*uv, "pip", "install", "--quiet", "--python", str(scripts / "python"), "--require-hashes"]
        for command in (make, [*pip, "-r", str(HERE / "requirements.txt")]):
            subprocess.run(command, check=True, timeout=600)
        done.write_text(wanted, encoding="utf-8")
    return scripts / "sam"


@dataclass
class Api:
    """CloudFormation, STS and S3, as far as `sam deploy` goes without an account: the change set is refused.

    `asked` are the calls with their fields, `stored` what was uploaded.
    """

    asked: list[dict[str, str]] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Says nothing."""

            def answer(self, status: int, text: str = "") -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"made-up"')
                self.end_headers()
                self.wfile.write(body)

            def do_HEAD(self) -> None:
                self.answer(404)

            def do_PUT(self) -> None:
                api.stored.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(200)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                call = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
                api.asked.append(call)
                if call["Action"] == "CreateChangeSet":
                    self.answer(403, _ERROR.format("AccessDenied", "this account is made up"))
                elif call["Action"] == "GetCallerIdentity":
                    self.answer(200, _CALLER)
                elif call.get("StackName") == "aws-sam-cli-managed-default":
                    self.answer(200, _BUCKET)
                else:
                    self.answer(
                        400, _ERROR.format("ValidationError", f"Stack with id {call['StackName']} does not exist")
                    )

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def change_set(self) -> dict[str, str]:
        """The parameters with which the stack would have been made."""
        (call,) = [one for one in self.asked if one["Action"] == "CreateChangeSet"]
        names = [name for name in call if re.fullmatch(r"Parameters\.member\.\d+\.ParameterKey", name)]
        return {call[name]: call[name.replace("ParameterKey", "ParameterValue")] for name in names}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


# Gives a program a terminal of its own, in a process without threads: pty forks.
_PTY = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Terminal:
    """A program in a real pseudo-terminal. `seen` is all that stood on it, without colours."""

    def __init__(self, command: list[str], folder: Path, environ: dict[str, str]) -> None:
        self.seen = ""
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PTY, *command],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def answer(self, question: str, text: str, seconds: float) -> None:
        """Wait until `question` is the last thing on the terminal, then type `text` and Enter."""
        asked = re.compile(rf"(?:^|\n)[ \t]*{re.escape(question)}(?: \[[^\n]*\])?: $")
        with self._changed:
            came = self._changed.wait_for(lambda: self._ended or asked.search(self.seen), seconds)
            assert came and not self._ended, f"{question!r} was not asked:\n{self.seen}"
            self.seen += "\n"  # what is typed is echoed, or not; the next question stands in a line of its own
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def end(self, seconds: float) -> int:
        """Wait for the program's end and return its exit code."""
        code = self._process.wait(seconds)
        self._reader.join(seconds)
        return code

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while piece := self._process.stdout.read1(65_536):  # type: ignore[attr-defined]
            with self._changed:
                self.seen = re.sub(r"\x1b\[[0-9;]*m", "", self.seen + piece.decode(errors="replace")).replace("\r", "")
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
