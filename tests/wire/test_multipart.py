"""Forms from real clients pass; forms that servers read differently are refused."""

from __future__ import annotations

from email.parser import BytesParser
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadRequest, TooComplex
from proxy.messages import Headers
from proxy.wire import multipart
from tests.support.slices import run

KIND = "multipart/form-data; boundary=B"
PART = b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n'
OTHER = b'--B\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nsay\r\n'
END = b"--B--\r\n"


def read(data: bytes, kind: str = KIND) -> str | None:
    fields, _ = run(multipart.read(Headers([("content-type", kind)]), data))
    model = next((field for field in fields if field.name == "model"), None)
    return model.text(data) if model else None


@pytest.mark.parametrize("model", [b"whisper-1", "模型".encode(), b"", b"a\r\nb", b"B--"])
def test_a_field_is_read_as_it_stands(model: bytes) -> None:
    assert read(PART % model + OTHER + END) == model.decode()
    assert read(OTHER + PART % model + b"--B--") == model.decode()


def test_a_form_without_the_field_has_none() -> None:
    assert read(OTHER + END) is None and read(END) is None


@pytest.mark.parametrize(
    "files",
    [
        {"file": ("a.mp3", b"\x00\xff\r\n--\r\n", "audio/mpeg")},
        {"file": ("语音.mp3", b"abc", "audio/mpeg")},
        {"file": ('a"; name=b.mp3', b"abc", "audio/mpeg")},
        {"file[]": ("a; name b.mp3", b"", "application/octet-stream")},
    ],
)
def test_what_httpx_and_so_the_sdk_sends_is_read(files: Any) -> None:
    sent = httpx.Request("POST", "http://x", data={"model": "whisper-1", "language": "zh"}, files=files)
    assert read(sent.read(), sent.headers["content-type"]) == "whisper-1"


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="file"; filename="a.mp3"',
        b'form-data; filename="a.mp3"; name="file"',
        b"form-data; name=\"file\"; filename*=utf-8''%E8%AF%AD.mp3",
        b'form-data; name="file"; filename="\xe8\xaf\xad.mp3"; filename*=UTF-8\'\'x',
        b'FORM-DATA ;name="file";filename="C:\\x.mp3"',
        b"form-data; name=file; filename=a.mp3;",
    ],
)
def test_what_browsers_and_libraries_call_a_file_is_read(disposition: bytes) -> None:
    data = b"--B\r\nContent-Type: audio/mpeg\r\nContent-Disposition: " + disposition + b"\r\n\r\n\x00\r\n"
    assert read(data + PART % b"whisper-1" + END) == "whisper-1"


ODD = {
    "two boundaries": (PART % b"m" + END, "multipart/form-data; boundary=A; boundary=B"),
    "a boundary in another's text": (PART % b"m" + END, 'multipart/form-data; x="; boundary=A"; boundary*=B'),
    "an extended boundary": (PART % b"m" + END, "multipart/form-data; boundary*=utf-8''B; boundary=B"),
    "no boundary": (PART % b"m" + END, "multipart/form-data"),
    "an odd boundary": (PART % b"m" + END, 'multipart/form-data; boundary="B\x00"'),
    "a boundary of blanks": (PART % b"m" + END, 'multipart/form-data; boundary="B "'),
    "line feeds alone": ((PART % b"m" + END).replace(b"\r\n", b"\n"), KIND),
    "line feeds and then CRLF": (
        b'--B\nContent-Disposition: form-data; name="model"\n\nforbidden\n--B\nX: y\r\n\r\nm\r\n--B--\r\n',
        KIND,
    ),
    "a line feed before one boundary": (PART % b"m" + b"x\n--B\r\n" + END, KIND),
    "a carriage return before one boundary": (PART % b"m" + b"x\r--B\r\n" + END, KIND),
    "a longer mark": (PART % b"m" + b"--BX\r\n" + END, KIND),
    "an end that goes on": (PART % b"m" + b"--B--X\r\n" + PART % b"o" + END, KIND),
    "no end": (PART % b"m", KIND),
    "no empty line": (b'--B\r\nContent-Disposition: form-data; name="model"\r\n--B--\r\n', KIND),
    "nothing": (b"", KIND),
    "a preamble": (b"preamble\r\n" + PART % b"m" + END, KIND),
    "JSON before the form": (b'{"model":"o"}\r\n' + PART % b"m" + END, KIND),
    "something after its end": (PART % b"m" + END + b"epilogue", KIND),
    "a model that is a file": ((PART % b"m").replace(b'"model"', b'"model"; filename="m"') + END, KIND),
    "a part without a head": (b"--B\r\n\r\nm\r\n" + END, KIND),
    "no line break before the end": (b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n--B--\r\n', KIND),
    "a folded head": ((PART % b"m").replace(b"; name", b";\r\n name") + END, KIND),
    "a bare line feed in a head": ((PART % b"m").replace(b"; name", b"\nX: name") + END, KIND),
    "a NUL in a head": ((PART % b"m").replace(b"form-data", b"form-data\0") + END, KIND),
    "an encoding": ((PART % b"m").replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + END, KIND),
    "two dispositions": (
        (PART % b"m").replace(b"--B\r\n", b'--B\r\nContent-Disposition: form-data; name="x"\r\n') + END,
        KIND,
    ),
    "two names": ((PART % b"m").replace(b"; name", b'; name="x"; name') + END, KIND),
    "an extended name": ((PART % b"m").replace(b'name="model"', b"name*=utf-8''model") + END, KIND),
    "an escaped name": ((PART % b"m").replace(b'"model"', b'"mo\\del"') + END, KIND),
    "no name": ((PART % b"m").replace(b'; name="model"', b"") + END, KIND),
    "another disposition": ((PART % b"m").replace(b"form-data", b"attachment") + END, KIND),
    "capitals": ((PART % b"m").replace(b'"model"', b'"Model"') + END, KIND),
    "brackets": ((PART % b"m").replace(b'"model"', b'"model[]"') + END, KIND),
    "a blank": ((PART % b"m").replace(b'"model"', b'"model "') + END, KIND),
    "text after the name": ((PART % b"m").replace(b'"model"', b'"model" x') + END, KIND),
}


@pytest.mark.parametrize("name", ODD)
def test_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    data, kind = ODD[name]
    with pytest.raises(BadRequest) as error:
        read(data, kind)
    assert error.value.code == "unreadable_body" and "two ways" in error.value.message


@pytest.mark.parametrize("encoding", [b"7bit", b"8bit", b"binary", b"Binary", b" 8BIT "])
def test_an_encoding_that_changes_nothing_is_taken(encoding: bytes) -> None:
    part = PART.replace(b"\r\n\r\n", b"\r\ncontent-transfer-encoding: " + encoding + b"\r\n\r\n")
    assert read(part % b"m" + END) == "m"


@pytest.mark.parametrize("encoding", [b"quoted-printable", b"x-gzip", b"", b"binary; x=base64", b"8bit, base64"])
def test_an_encoding_that_some_servers_undo_is_refused(encoding: bytes) -> None:
    part = PART.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n")
    with pytest.raises(BadRequest, match="encoded"):
        read(part % b"m" + END)
    both = PART.replace(
        b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: binary\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    with pytest.raises(BadRequest, match="encoded"):
        read(both % b"m" + END)


def test_two_content_types_are_refused() -> None:
    with pytest.raises(BadRequest, match="two content types"):
        run(multipart.read(Headers([("content-type", KIND), ("content-type", KIND)]), PART % b"m" + END))


def test_a_duplicate_field_is_refused() -> None:
    with pytest.raises(BadRequest, match="twice") as error:
        read(PART % b"m" + PART % b"m" + END)
    assert error.value.code == "duplicate_key"


DISPOSITION = b"Content-Disposition: form-data; "
ENDS = [b"--B", b"--", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"B", END]
WORDS = [
    DISPOSITION,
    b"Content-Transfer-Encoding: binary\r\n" + DISPOSITION,
    b'name="model"',
    DISPOSITION + b'name="model"',
    b"m",
    b"o",
    b" ",
    b";",
    b"X: y",
    PART % b"m",
    OTHER,
]


@given(st.lists(st.sampled_from([*ENDS, *WORDS]), max_size=24))
def test_python_s_own_reader_never_sees_another_model(bits: list[bytes]) -> None:
    """The standard library's mail parser is lenient, for example with line feeds; it must agree."""
    data = b"".join([*bits, b"\r\n", PART % b"m", END])
    try:
        model = read(data)
    except BadRequest:
        return
    message = BytesParser().parsebytes(b"Content-Type: " + KIND.encode() + b"\r\n\r\n" + data)
    parts = message.get_payload() if message.is_multipart() else []
    reference = [
        part.get_payload(decode=True)
        for part in parts
        if not isinstance(part, str) and part.get_param("name", header="content-disposition") == "model"
    ]
    assert reference == ([] if model is None else [model.encode()])


def test_files_and_lists_may_stand_more_than_once() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nx\r\n'
    files = part % (b"image", b'; filename="a.png"') * 2 + part % (b"include[]", b"") * 2
    fields, _ = run(multipart.read(Headers([("content-type", KIND)]), files + PART % b"m" + END))
    assert [field.name for field in fields] == ["image", "image", "include[]", "include[]", "model"]
    assert [field.filename for field in fields] == ["a.png", "a.png", None, None, None]


@pytest.mark.parametrize("filling", [b"x", b"\r\n", b"\r\n--", b"--b", b"\r\n-"])
def test_nobody_waits_long_while_a_form_is_read(filling: bytes) -> None:
    file = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%s\r\n'
    data = file % (filling * (20_000_000 // len(filling))) + PART % b"m" + END
    _, units = run(multipart.read(Headers([("content-type", KIND)]), data))
    assert len(units) >= 19 and max(units) <= multipart.WINDOW // 512


def test_a_boundary_that_stands_everywhere_is_refused() -> None:
    for data in (
        PART % (b"x--B" * 2_000) + END,
        b"".join(PART.replace(b"model", b"f%d" % n) % b"" for n in range(1_001)),
    ):
        with pytest.raises(TooComplex):
            run(multipart.read(Headers([("content-type", KIND)]), data + END))


def test_a_file_in_a_field_for_text_is_text() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="%s"; filename="a.txt"\r\n\r\nx\r\n'
    data = part % b"notes" + part % b"image[]" + END
    fields, _ = run(multipart.read(Headers([("content-type", KIND)]), data))
    assert multipart.texts(fields, data) == [("filename", "a.txt"), ("notes", "x"), ("filename", "a.txt")]
