"""The texts of Gemini's chunks and answers for a content filter: none is missed, and labels are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.protocols import texts
from proxy.protocols.gemini import PROTOCOL
from proxy.wire import sse


def of_parts(*parts: Any, **more: Any) -> texts.EventTexts:
    return PROTOCOL.event_texts(sse.event({"candidates": [{"content": {"parts": list(parts)}, **more}]}))


def said(found: texts.EventTexts) -> set[str]:
    return {text for _, text in (*found.new, *found.repeated)}


def test_the_pieces_of_a_text_have_the_same_place_wherever_they_are() -> None:
    first = of_parts({"text": "think", "thought": True}, {"text": "Hel"})
    second = of_parts({"text": "lo", "thoughtSignature": "x"}, index=0)
    assert first.new == [((0, "thought"), "think"), ((0, "text"), "Hel")]
    assert second.new == [((0, "text"), "lo")] and not second.repeated
    assert of_parts({"text": "x"}, index=2).new == [((2, "text"), "x")]
    assert not of_parts({"text": ""}).new


def test_arguments_of_calls_are_texts_whatever_their_names() -> None:
    args = {"url": "a", "type": "b", "role": "user", "x": [{"id": "c", "data": "d"}], "n": 5}
    found = of_parts({"functionCall": {"name": "f", "id": "1", "args": args}, "thoughtSignature": "sig"})
    assert said(found) == {"f", "a", "b", "user", "c", "d"}


def test_partial_arguments_are_pieces_of_one_text() -> None:
    def part(**argument: Any) -> dict[str, Any]:
        return {"functionCall": {"partialArgs": [argument], "willContinue": True}}

    first = of_parts(part(jsonPath="$.a", stringValue="Fresh ", willContinue=True))
    second = of_parts(part(jsonPath="$.a", stringValue="apple"))
    place = (0, "$.a", "partialArgs")
    assert (first.new, second.new) == ([(place, "Fresh ")], [(place, "apple\n")])
    assert not of_parts(part(jsonPath="$.a", stringValue="", willContinue=True)).new
    assert not of_parts(part(jsonPath="$.a", numberValue=5)).new
    assert said(of_parts(part(stringValue=["x"], more="y"), {"functionCall": {"partialArgs": ["z"]}})) == {
        "x",
        "y",
        "z",
    }


def test_code_its_output_and_unknown_members_are_texts() -> None:
    found = of_parts(
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "one"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"text": {"odd": "two"}},
        "three",
        groundingMetadata={"webSearchQueries": ["four"]},
        finishMessage="five",
        logprobsResult={"topCandidates": [{"candidates": [{"token": "no"}]}]},
    )
    labels = {"PYTHON", "OUTCOME_OK"}
    assert said(found) == {"print(1)", "one", "two", "three", "four", "five"} | labels


@pytest.mark.parametrize(
    "chunk",
    [
        {"other": {"deep": ["secret"]}},
        {"candidates": ["secret"]},
        {"candidates": {"odd": "secret"}},
        {"candidates": "secret"},
        {"candidates": [{"content": "secret"}]},
        {"candidates": [{"content": {"parts": "secret"}}]},
        {"candidates": [{"content": {"role": "secret"}}]},
        {"promptFeedback": {"blockReasonMessage": "secret"}},
        {"response": {"candidates": [{"content": {"parts": [{"text": "secret"}]}}]}},
        ["secret"],
        "secret",
    ],
)
def test_texts_in_unusual_places_are_found(chunk: Any) -> None:
    assert "secret" in said(PROTOCOL.event_texts(b"data: " + json.dumps(chunk).encode() + b"\n\n"))


def test_labels_ids_and_errors_are_no_texts() -> None:
    chunk = {
        "candidates": [{"content": {"role": "model"}, "safetyRatings": [{"category": "C"}], "finishReason": "STOP"}],
        "usageMetadata": {"promptTokensDetails": [{"modality": "TEXT"}], "trafficType": "ON_DEMAND"},
        "modelVersion": "m",
        "responseId": "r",
        "createTime": "t",
    }
    assert not said(PROTOCOL.event_texts(sse.event(chunk)))
    assert not said(PROTOCOL.event_texts(sse.event({"error": {"message": "m"}})))


def test_a_candidate_ends_with_its_finish_reason() -> None:
    assert of_parts(finishReason="STOP", index=1).ended == {1}
    assert of_parts({"text": "x"}).ended == set()
    done = b'data: [DONE]\n\ndata: {"candidates":[{"finishReason":"STOP"}]}\n\n'
    assert PROTOCOL.event_texts(done).ended is None


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_json_outside_of_data_is_read_because_sdks_read_it(line_end: bytes) -> None:
    lines = json.dumps({"candidates": [{"content": {"parts": [{"text": "secret"}]}}]}, indent=1).encode().split(b"\n")
    assert PROTOCOL.event_texts(line_end.join([*lines, b"", b""])).new == [((0, "text"), "secret")]


@pytest.mark.parametrize("event", [b'{"candidates":\n\n', b"[1]\n\n", b" data: {}\n\n", b"x\n\n"])
def test_what_is_no_field_and_no_json_object_is_unreadable(event: bytes) -> None:
    assert PROTOCOL.event_texts(event).unreadable


@pytest.mark.parametrize("event", [b"\n", b"\r\n", b": comment\n\n", b"id: 1\nevent: x\nretry: 5\n\n"])
def test_an_event_without_data_has_nothing_unreadable(event: bytes) -> None:
    found = PROTOCOL.event_texts(event)
    assert not found.unreadable and not said(found)


def test_a_byte_order_mark_hides_nothing() -> None:
    event = b"\xef\xbb\xbf" + sse.event({"candidates": [{"content": {"parts": [{"text": "a"}]}}]})
    found = PROTOCOL.event_texts(event)
    assert said(found) == {"a"} and not found.unreadable


ANSWER = {
    "candidates": [
        {
            "content": {
                "parts": [{"text": "secret", "thoughtSignature": "sig"}, {"functionCall": {"args": {"id": "x"}}}]
            },
            "index": 0,
        },
        {"content": {"parts": [{"text": "secret"}], "role": "model"}, "index": 1},
    ],
    "promptFeedback": {"note": "secret"},
    "error": {"message": "secret"},
    "other": ["secret"],
    "usageMetadata": {"totalTokenCount": 5, "trafficType": "ON_DEMAND"},
    "modelVersion": "m",
    "responseId": "r",
}


def test_nothing_of_a_blocked_answer_survives_but_its_ids_and_its_usage() -> None:
    kept = {name: ANSWER[name] for name in ("usageMetadata", "modelVersion", "responseId")}

    def ended(index: int) -> dict[str, Any]:
        content = {"parts": [{"text": "Withheld"}], "role": "model"}
        return {"content": content, "finishReason": "SAFETY", "index": index}

    assert PROTOCOL.withheld(ANSWER, [None], "Withheld") == {"candidates": [ended(0), ended(1)], **kept}
    assert PROTOCOL.withheld({"candidates": "secret"}, [None], "Withheld") == {"candidates": [ended(0)]}


def test_the_texts_of_a_whole_answer_are_its_own() -> None:
    found = [text for _, text in texts.of_answer({**ANSWER, "error": None}) if text]
    assert sorted(found) == sorted(["secret"] * 4 + ["x"])
