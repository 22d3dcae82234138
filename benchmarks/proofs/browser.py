"""A browser that tells whenever a script of a stranger ran, or could run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.proofs.strings import TRAP, marks

LOOK = """() => {
  const found = [];
  const forbidden = 'iframe,frame,frameset,object,embed,base,applet,math,foreignObject,animate,set,marquee,plaintext,xmp,style,video,audio,mglyph,noscript';
  const hostOf = address => { try { return new URL(address, location.origin).host } catch { return '' } };
  for (const each of document.querySelectorAll('*')) {
    const own = each.localName === 'script' && (each.getAttribute('src') ?? '').startsWith('/static/') && !each.textContent;
    if (each.localName === 'script' && !own) found.push('script ' + each.outerHTML.slice(0, 100));
    if (each.matches(forbidden)) found.push('element ' + each.outerHTML.slice(0, 100));
    if (each.localName === 'meta' && /refresh/i.test(each.httpEquiv)) found.push('refresh');
    for (const { name, value } of each.attributes) {
      if (/^on/i.test(name)) found.push(`handler ${name} ${value.slice(0, 80)}`);
      if (name === 'srcdoc' || name === 'style' && !/^filter: brightness\\([\\d.]+\\) contrast\\([\\d.]+\\);$/.test(value)) found.push(`${name} ${value.slice(0, 80)}`);
      const address = ['href', 'src', 'action', 'formaction', 'xlink:href', 'poster', 'data'].includes(name);
      const plain = value.replace(/[\\u0000-\\u0020]/g, '').toLowerCase();
      if (address && /^(javascript|vbscript|data):/.test(plain)) found.push(`address ${name} ${value.slice(0, 80)}`);
      if (address && hostOf(value).includes('TRAP')) found.push(`address ${name} ${value.slice(0, 80)}`);
    }
  }
  if (/owned/.test(document.title) && !document.title.includes('z')) found.push('title');
  return found;
}""".replace("TRAP", TRAP)
"""What must not be in a page, whether it ran or not: strangers' elements, handlers and addresses."""


@dataclass
class Trap:
    """A browser's context and everything that a stranger's script did in it."""

    context: BrowserContext
    sprung: list[str] = field(default_factory=list)
    drawn: set[str] = field(default_factory=set)
    pages: int = 0

    def page(self) -> Page:
        """A page that is watched."""
        page = self.context.new_page()
        page.on("dialog", self._dialog)
        return page

    def _dialog(self, dialog: Any) -> None:
        self.sprung.append(f"dialog {dialog.message[:80]}")
        dialog.dismiss()

    def look(self, page: Page, what: str) -> set[str]:
        """Search what is drawn now; returns the strings that are in it."""
        self.sprung += [f"{what}: {each}" for each in page.evaluate(LOOK)]
        seen = marks(page.content())
        self.drawn |= seen
        self.pages += 1
        return seen


@contextmanager
def trapped(browser: Browser, url: str, *, policy: bool, **more: Any) -> Iterator[Trap]:
    """A context in which `owned` tells on whoever calls it; with or without the site's Content-Security-Policy."""
    context = browser.new_context(base_url=url, bypass_csp=not policy, service_workers="block", **more)
    trap = Trap(context)
    context.expose_binding("owned", lambda source, *_: trap.sprung.append(f"called on {source['page'].url}"))
    context.on(
        "request",
        lambda asked: trap.sprung.append(f"asked for {asked.url[:80]}") if TRAP in asked.url else None,
    )
    try:
        yield trap
    finally:
        context.close()
