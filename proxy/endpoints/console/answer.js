// An answer on the page while it grows. What a blank line outside a code block has ended cannot change any more: it is
// rendered once and stays, so that a long answer takes no more work for each piece than a short one. Only the block
// that is still open is rendered again, and as plain text once it is long.
const OPEN_LENGTH = 4000;

// Text that grows by what is new, in paragraphs of their own, so that the browser does not lay out all of it again.
function growingText(place) {
  let [shown, last] = [0, null];
  return (text) => {
    const fresh = text.slice(shown);
    shown = text.length;
    const cut = last && last.data.length > OPEN_LENGTH ? fresh.indexOf("\n") : -1;
    if (last) last.appendData(cut < 0 ? fresh : fresh.slice(0, cut));
    if (last && cut < 0) return;
    last = document.createTextNode(last ? fresh.slice(cut + 1) : fresh);
    place.append(element("div", { class: "plain" }, last));
  };
}

function answerView(place) {
  const body = element("div", { class: "body" });
  place.append(body);
  let [settled, scanned, fence] = [0, 0, null];
  let [open, grow] = [[], null];
  let thought = null;

  function replaceOpen(nodes) {
    for (const node of open) node.remove();
    [open, grow] = [nodes, null];
    body.append(...nodes);
  }

  function settle(text, end) {
    if (end === settled) return;
    replaceOpen([]);
    body.append(markdown(text.slice(settled, end)));
    settled = end;
  }

  // Where the last block ends that cannot change any more.
  function scan(text) {
    let end = settled;
    for (let next = text.indexOf("\n", scanned); next >= 0; next = text.indexOf("\n", scanned)) {
      const line = text.slice(scanned, next);
      const start = fenceOf(line);
      if (fence ? line.trim().startsWith(fence) : !start && !line.trim()) [end, fence] = [next + 1, null];
      else if (!fence && start) [end, fence] = [scanned, start];
      scanned = next + 1;
    }
    return end;
  }

  function showReasoning(reasoning, isAnswering) {
    if (!reasoning) return;
    if (!thought) {
      const text = element("div", { class: "reasoning" });
      const details = element("details", { open: "" }, element("summary", { "data-text": "reasoning" }, t("reasoning")), text);
      thought = { details, grow: growingText(text), isClosed: false };
      body.before(details);
    }
    thought.grow(reasoning);
    if (isAnswering && !thought.isClosed) {
      thought.isClosed = true;
      thought.details.open = false;
    }
  }

  return {
    grow({ text, reasoning }) {
      showReasoning(reasoning, Boolean(text));
      settle(text, scan(text));
      const rest = text.slice(settled);
      if (rest.length < OPEN_LENGTH) return replaceOpen([...markdown(rest).childNodes]);
      if (!grow) {
        const plain = element("div", { class: fence ? "code" : "" });
        replaceOpen([plain]);
        grow = growingText(plain);
      }
      grow(rest);
    },
    end({ text, reasoning }) {
      showReasoning(reasoning, Boolean(text));
      settle(text, text.length);
    },
  };
}
