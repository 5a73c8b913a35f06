// A model's answer as nodes: code, lists, bold and web links. Everything else stays text, so that no answer can run
// anything on this page.
function markdown(text) {
  const fragment = document.createDocumentFragment();
  const lines = text.split("\n");
  let paragraph = [];
  let list = null;
  const close = () => {
    if (paragraph.length) fragment.append(element("p", {}, ...joined(paragraph)));
    if (list) fragment.append(list);
    paragraph = [];
    list = null;
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const fence = fenceOf(line);
    const item = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/.exec(line);
    if (fence) {
      close();
      const inside = [];
      // While a stream is running, the block may not have its end yet.
      for (at += 1; at < lines.length && !lines[at].trim().startsWith(fence); at += 1) inside.push(lines[at]);
      fragment.append(codeBlock(inside.join("\n")));
    } else if (item) {
      const ordered = item[1] !== undefined;
      if (paragraph.length || (list && (list.tagName === "OL") !== ordered)) close();
      if (!list) list = element(ordered ? "ol" : "ul", ordered && item[1] !== "1" ? { start: item[1] } : {});
      list.append(element("li", {}, ...inline(item[2])));
    } else if (!line.trim()) {
      close();
    } else {
      if (list) close();
      const heading = /^#{1,6}\s+(.*)$/.exec(line);
      if (heading) {
        close();
        fragment.append(element("p", {}, element("b", {}, ...inline(heading[1]))));
      } else {
        paragraph.push(line);
      }
    }
  }
  close();
  return fragment;
}

// How the line opens a block of code, if it does.
function fenceOf(line) {
  return /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] || null;
}

function codeBlock(text, label) {
  const pre = element("pre", { tabindex: "0", "aria-label": label || null, role: label ? "region" : null }, element("code", {}, text));
  return element("div", { class: "code" }, copyButton(text, label), pre);
}

function joined(lines) {
  return lines.flatMap((line, at) => (at ? [element("br"), ...inline(line)] : inline(line)));
}

// Code comes first because nothing inside it is markup; then links, then bold. A run of backticks is matched as a whole
// and its length is bounded, or a long run would be tried at every position. Lookbehind works in Safari since 16.4.
const INLINE = /(?<!`)(`{1,10})(?!`)(.+?)(?<!`)\1(?!`)|\[([^\][]{1,500})\]\((https?:\/\/[^\s()<>"]{1,2000})\)|\*\*(?=\S)(.+?)\*\*/;

function inline(text) {
  const nodes = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    if (match.index) nodes.push(rest.slice(0, match.index));
    if (match[2] !== undefined) nodes.push(element("code", {}, match[2].trim() || match[2]));
    else if (match[4] !== undefined) nodes.push(link(match[3], match[4]));
    else nodes.push(element("b", {}, ...inline(match[5])));
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest) nodes.push(rest);
  return nodes;
}

function link(label, address) {
  let url = null;
  try { url = new URL(address); } catch { return label; }
  if (url.protocol !== "https:" && url.protocol !== "http:") return label;
  return element("a", { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank" }, label);
}
