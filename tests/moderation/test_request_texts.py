"""Every text of a request is read, wherever it stands. Only values without text are left out."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import startup
from proxy.moderation.request_texts import SLICE_VALUES, request_texts
from proxy.moderation.windows import SLICE_LENGTH
from tests.support import fake_clock
from tests.support.core import KEY, Listed, error_of, request, run
from tests.support.moderation import JSON, WORDS


def texts(**members: Any) -> str:
    return "".join(request_texts(members.items()))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


TOOL = {"type": "function", "function": {"name": "x", "description": "%", "parameters": {"type": "object"}}}
PLACES: list[dict[str, Any]] = [
    {"messages": [{"content": [{"type": "document", "source": {"type": "text", "data": "%"}}]}]},
    {"messages": [{"content": [{"type": "document", "source": {"type": "content", "content": "%"}}]}]},
    {"messages": [{"content": [{"type": "document", "title": "%", "context": "%"}]}]},
    {"messages": [{"content": {"text": "%"}}]},
    {"messages": [{"content": [{"type": "a %", "id": "no id %"}]}]},
    {"messages": [{"reasoning_content": "%"}]},
    {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "a %"}}]}]},
    {"messages": [{"content": [{"type": "input_audio", "input_audio": {"data": "a %"}}]}]},
    {"messages": [{"content": [{"type": "input_audio", "input_audio": {"data": "a\n%"}}]}]},
    {"messages": [{"content": [{"type": "file", "file": {"file_data": "a\t%"}}]}]},
    {"messages": [{"content": [{"type": "text", "image_url": "data:text/plain,%"}]}]},
    {"messages": [{"content": [{"type": "file", "file": {"file_data": f"data:text/plain;base64,{encoded('a %')}"}}]}]},
    {"messages": [{"content": [{"type": "file", "file": {"file_data": f"DATA:;base64,{encoded('a %')}"}}]}]},
    {"contents": [{"parts": [{"inlineData": {"mimeType": "text/csv", "data": encoded("a,%")}}]}]},
    {"systemInstruction": {"parts": [{"text": "%"}]}},
    {"messages": [], "system": "%"},
    {"messages": [], "system": [{"type": "text", "text": "%"}]},
    {"messages": [], "response_format": {"type": "json_schema", "json_schema": {"description": "%"}}},
    {"messages": [], "response_format": {"json_schema": {"schema": {"properties": {"%": {"type": "string"}}}}}},
    {"messages": [], "response_format": "a %"},
    {"messages": [], "tools": [TOOL]},
    {"messages": [], "tools": [{"type": "custom", "custom": {"name": "x", "format": {"definition": "%"}}}]},
    {"messages": [], "functions": [{"name": "%"}]},
    {"input": [{"type": "custom_tool_call", "input": "%"}]},
    {"input": [{"type": "custom_tool_call_output", "output": "%"}]},
    {"input": [{"type": "function_call_output", "output": json.dumps("禁%")}]},
    {"input": "x", "prompt": {"id": "p", "variables": {"city": "%"}}},
    {"input": "x", "metadata": {"%": "x"}},
    {"messages": [], "prediction": {"type": "content", "content": "%"}},
    {"messages": [], "chat_template": "%"},
    {"messages": [], "a_field_of_tomorrow": [[{"deep": ["%"]}]]},
    {"messages": [], "user": "one who says %"},
    {"messages": [], "stop": ["%"]},
    {"model": "a model %"},
    {"%": 1},
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: json.dumps(place)[:70])
@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
def test_a_blocked_word_is_found_anywhere(place: dict[str, Any], path: str) -> None:
    asked = json.dumps(place).replace("%", "forbidden").replace(encoded("a %"), encoded("a forbidden"))
    asked = asked.replace(encoded("a,%"), encoded("a,forbidden"))
    upstream = Listed(b"{}", headers=JSON)
    settings = {**WORDS, "MODERATION_INPUT": "1", "MODERATION_OUTPUT": "0"}
    reply, _ = run(upstream, request(f"/v1/{path}", asked.encode()), settings=settings)
    assert (reply.status, error_of(reply)["code"], upstream.sent) == (400, "content_filter", [])


def test_what_is_no_text_is_left_out() -> None:
    assert texts(model="gpt-4o", user="u-1", service_tier="auto", temperature=0.5, logit_bias={}, n=1) == ""
    message: dict[str, Any] = {"role": "user", "id": "m_1", "content": None}
    pictures = ["https://x.test/a.png", {"url": "data:image/png;base64,QUJD", "detail": "Hi"}]
    assert (
        texts(messages=[message, {"content": [{"type": "image_url", "image_url": url} for url in pictures]}]) == "\nHi"
    )
    sound = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
    assert texts(messages=[{"role": "assistant", "content": [sound]}]) == "\nwav"
    assert texts(input=[{"type": "reasoning", "encrypted_content": "gAAA", "summary": []}]) == ""
    broken = {"type": "input_file", "file_data": "data:text/plain;base64,A"}
    assert texts(input=[broken]) == "\n"


@pytest.mark.parametrize("text", ["", "a", "ab", "你好，世界" * 3_000, "forbidden " * 2_000, "\\u0041"])
def test_a_text_file_is_decoded_in_pieces(text: str) -> None:
    for data in (encoded(text), encoded(text).rstrip("="), base64.urlsafe_b64encode(text.encode()).decode()):
        part = {"type": "input_file", "file_data": f"data:text/plain;base64,{data}"}
        assert texts(input=[part]).strip("\n") == text
    assert (
        texts(input=[{"type": "input_file", "file_data": f"data:text/plain;base64,{encoded('字')[:-2]}"}]) == "\n\ufffd"
    )


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("two lines\n", "\ntwo lines\n"),
        ("\\u7981\\u8bcd", "\n\\u7981\\u8bcd\n禁词"),
        ("half \ud83d", "\nhalf \ufffd"),
        ("", ""),
    ],
)
def test_a_text_is_a_line_of_its_own_with_its_escapes_read_as_well(text: str, joined: str) -> None:
    assert texts(prompt=text) == joined


@given(st.lists(st.text("ab \\u0n", max_size=9_000), max_size=3))
def test_pieces_are_short_and_lose_nothing(prompts: list[str]) -> None:
    pieces = list(request_texts([("prompt", prompts)]))
    assert all(len(piece) <= SLICE_LENGTH + 1 for piece in pieces)
    joined, at = "".join(pieces), 0
    for prompt in prompts:
        at = joined.index(prompt, at)


def test_a_word_that_is_cut_by_a_slice_is_found() -> None:
    for shift in range(40):
        text = "字" * (SLICE_LENGTH - shift) + "禁词"
        upstream = Listed(b"{}", headers=JSON)
        body = json.dumps({"prompt": [text[: SLICE_LENGTH // 2], text]}).encode()
        reply, _ = run(upstream, request("/v1/completions", body), settings={**WORDS, "MODERATION_INPUT": "1"})
        assert reply.status == 400, shift


def test_much_without_text_lets_others_run_and_needs_no_stack() -> None:
    assert list(request_texts([("x", [None] * (3 * SLICE_VALUES))])).count("") >= 3
    deep: Any = "forbidden"
    for _ in range(50_000):
        deep = [deep]
    assert "forbidden" in texts(x=deep)
    while isinstance(deep, list):  # taken apart by hand: the interpreter would do it level by level as well
        (deep,) = deep


@pytest.mark.parametrize(
    "member",
    [
        {"prompt": [1, 2]},
        {"prompt": ["text", [1, 2]]},
        {"prompt": 5},
        {"prompt_token_ids": [1, 2]},
        {"input_ids": [[1], [2]]},
        {"prompt_embeds": "QUJD"},
    ],
)
def test_token_numbers_under_any_name_are_refused(member: dict[str, Any]) -> None:
    asked = request("/v1/completions", json.dumps({"model": "m", **member}).encode())
    upstream = Listed(b"{}", headers=JSON)
    reply, _ = run(upstream, asked, settings={**WORDS, "MODERATION_INPUT": "1"})
    assert (error_of(reply)["code"], upstream.sent) == ("unreadable_prompt", [])


def part(head: str, content: bytes) -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"


FILE = part('name="file"; filename="a.wav"', b"RIFF\xff forbidden")


@pytest.mark.parametrize(
    ("path", "parts", "code"),
    [
        ("audio/transcriptions", FILE + part('name="prompt"', b"Names: Ann"), None),
        ("audio/transcriptions", FILE + part('name="prompt"', b"forbidden"), "content_filter"),
        ("audio/translations", FILE + part('name="prompt"; filename="a"', b"forbidden"), "unreadable_body"),
        ("images/edits", FILE.replace(b'"file"', b'"image[]"') + part('name="prompt"', b"forbidden"), "content_filter"),
        ("images/edits", part('name="forbidden"', b"x"), "content_filter"),
        ("videos", part('name="x"', b"forbidden"), "content_filter"),
        ("audio/transcriptions", FILE.replace(b"a.wav", b"forbidden.wav"), "content_filter"),
        ("audio/transcriptions", part('name="prompt"', b"\xff"), "unreadable_body"),
        (
            "audio/transcriptions",
            part('name="prompt"\r\nContent-Type: text/plain; charset=utf-16le', "forbidden".encode("utf-16le")),
            "unreadable_body",
        ),
        ("audio/transcriptions", part('name="prompt"\r\nContent-Type: text/plain; charset=UTF-8', b"Hi"), None),
        ("audio/voices", part('name="audio_sample"; filename="a.wav"', b"\xff"), None),
        ("files", part('name="prompt"', b"forbidden"), None),
    ],
)
def test_a_form_s_texts_are_looked_at(path: str, parts: bytes, code: str | None) -> None:
    head = (*KEY, ("content-type", "multipart/form-data; boundary=x"))
    upstream = Listed(b"{}", headers=JSON)
    asked = request(f"/v1/{path}", parts + b"--x--\r\n", headers=head)
    reply, _ = run(upstream, asked, settings={**WORDS, "MODERATION_INPUT": "1"})
    assert bool(upstream.sent) == (code is None)
    if code is not None:
        assert error_of(reply)["code"] == code


def test_a_call_that_is_left_before_its_prompt_is_read() -> None:
    async def go() -> None:
        from proxy.relay import relay
        from tests.support.core import host

        task = asyncio.ensure_future(
            relay(request(), startup.load({**WORDS, "MODERATION_INPUT": "1"}), Listed(b"{}"), host())
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    fake_clock.run(go())


def document(file_data: str, **more: Any) -> list[dict[str, Any]]:
    return [{"content": [{"type": "file", "file": {"file_data": file_data, **more}}]}]


WORD = "a 禁词 here"
LINES = base64.encodebytes((WORD * 40).encode()).decode()


@pytest.mark.parametrize(
    "file_data",
    [
        f"data:text/plain;base64,{LINES}",
        f" data:text/plain;base64,{encoded(WORD)}",
        f"data:text/plain;name={'a' * 300};base64,{encoded(WORD)}",
        f"data:text/plain;base64;charset=utf-8,{encoded(WORD)}",
        "data:text/plain,a%20%E7%A6%81%E8%AF%8D%20here",
        "data:text/plain," + "%41" * SLICE_LENGTH + "%E7%A6%81%E8%AF%8D",
        f"data:application/octet-stream;base64,{encoded(WORD)}",
        f"data:application/pdf;base64,{encoded(WORD)}",
        f"data:image/svg+xml;base64,{encoded(WORD)}",
        f"data:message/rfc822;base64,{encoded(WORD)}",
        f"data:text/plain;charset=gbk;base64,{base64.b64encode(WORD.encode('gbk')).decode()}",
        f"data:application/x;base64,{base64.b64encode(WORD.encode('utf-16')).decode()}",
        f"data:text/plain;base64,{base64.b64encode(b'%PDF' + bytes(1) + WORD.encode()).decode()}",
        encoded(WORD),
        LINES,
    ],
)
def test_a_file_of_text_is_read_whatever_it_says_of_itself(file_data: str) -> None:
    assert "禁词" in texts(messages=document(file_data))
    assert "禁词" in texts(messages=[{"content": [{"type": "document_url", "document_url": file_data}]}]) or (
        "data:" not in file_data
    )


@pytest.mark.parametrize("start", [b"%PDF-1.7 ", b"PK\x03\x04", b"\x89PNG\r\n", b"a\0b"])
def test_a_file_without_text_is_not_read(start: bytes) -> None:
    data = base64.b64encode(start + WORD.encode()).decode()
    assert "禁词" not in texts(messages=document(data)) + texts(messages=document(f"data:application/x;base64,{data}"))
    assert "禁词" not in texts(messages=document(f"data:image/png;base64,{encoded(WORD)}"))


def parts(*pieces: str | None) -> list[dict[str, Any]]:
    """A message in parts; None is a part without text."""
    content = [{"type": "image_url"} if item is None else {"type": "text", "text": item} for item in pieces]
    return [{"role": "user", "content": content}]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), st.sampled_from(["", "x" * 150, "y" * 5_000]))
def test_a_word_across_parts_is_seen(cuts: list[int], around: str) -> None:
    word, at = "badword", 0
    pieces = []
    for cut in sorted(item + 1 for item in cuts):
        pieces.append(word[at:cut])
        at = cut
    pieces.append(word[at:])
    pieces[0], pieces[-1] = around + pieces[0], pieces[-1] + around
    assert word in texts(messages=parts(*pieces))
    assert word in texts(messages=parts("Hi", None, *pieces, None))
    assert word in texts(system=pieces)


def test_parts_that_something_stands_between_are_not_joined() -> None:
    assert "badword" not in texts(messages=parts("bad", None, "word"))
    assert texts(messages=parts("once")).count("once") == 1
