"""The stage that knows easychen/openai-api-proxy's body fields.

Scripts written for that proxy send `moderation` and `moderation_level`. No upstream knows them, so they are removed;
the answer says in a header that nothing was moderated.
"""

from __future__ import annotations

from proxy import body
from proxy.call import Call
from proxy.messages import Stream

FIELDS = ("moderation", "moderation_level")


def prepare(call: Call) -> None:
    """Remove the fields where they occur. Only from calls that generate text: `moderation` is images' own field."""
    if call.protocol == "other":
        return
    edited = body.without(call.body, FIELDS)
    if edited is not call.body:
        call.body = edited
        call.reply_headers.append(("x-sluice-moderation", "off"))


def wrap(call: Call, stream: Stream) -> Stream:
    """Nothing to do."""
    return stream
