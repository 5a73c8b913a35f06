// A model's answer as nodes: code, lists, bold and links that lead to the web. Whatever else it says stays text, so
// that no answer can bring anything to life here.
function markdown(text) {
  const made = document.createDocumentFragment();
  const lines = text.split("\n");
  let paragraph = [];
  let list = null;
  const close = () => {
    if (paragraph.length) made.append(make("p", {}, ...joined(paragraph)));
    if (list) made.append(list);
    paragraph = [];
    list = null;
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(line);
    const item = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/.exec(line);
    if (fence) {
      close();
      const inside = [];
      // A block that is still being written has no end yet.
      for (at += 1; at < lines.length && !lines[at].trim().startsWith(fence[1]); at += 1) inside.push(lines[at]);
      made.append(codeBlock(inside.join("\n")));
    } else if (item) {
      const ordered = item[1] !== undefined;
      if (paragraph.length || (list && (list.tagName === "OL") !== ordered)) close();
      if (!list) list = make(ordered ? "ol" : "ul", ordered && item[1] !== "1" ? { start: item[1] } : {});
      list.append(make("li", {}, ...inline(item[2])));
    } else if (!line.trim()) {
      close();
    } else {
      if (list) close();
      const heading = /^#{1,6}\s+(.*)$/.exec(line);
      if (heading) {
        close();
        made.append(make("p", {}, make("b", {}, ...inline(heading[1]))));
      } else {
        paragraph.push(line);
      }
    }
  }
  close();
  return made;
}

function codeBlock(text, label) {
  const pre = make("pre", { tabindex: "0", "aria-label": label || null, role: label ? "region" : null }, make("code", {}, text));
  return make("div", { class: "code" }, copyButton(text, label), pre);
}

function joined(lines) {
  return lines.flatMap((line, at) => (at ? [make("br"), ...inline(line)] : inline(line)));
}

// Code first, for nothing within it means anything; then links, then bold. A run of backticks is bounded and taken whole,
// or a long one would be tried at each of its places; looking behind works in Safari since 16.4.
const INLINE = /(?<!`)(`{1,10})(?!`)(.+?)(?<!`)\1(?!`)|\[([^\][]{1,500})\]\((https?:\/\/[^\s()<>"]{1,2000})\)|\*\*(?=\S)(.+?)\*\*/;

function inline(text) {
  const made = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    if (found.index) made.push(rest.slice(0, found.index));
    if (found[2] !== undefined) made.push(make("code", {}, found[2].trim() || found[2]));
    else if (found[4] !== undefined) made.push(link(found[3], found[4]));
    else made.push(make("b", {}, ...inline(found[5])));
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest) made.push(rest);
  return made;
}

function link(words, address) {
  let url = null;
  try { url = new URL(address); } catch { return words; }
  if (url.protocol !== "https:" && url.protocol !== "http:") return words;
  return make("a", { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank" }, words);
}
