"""Random texts of every kind that a hospital's field can hold, and independent codecs that read and write them."""

import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hl7

from gateway.hl7.building import DELIMITERS, escaped, message, segment
from gateway.hl7.grammar import read

PEERS = Path(__file__).parent.parent.parent / ".cache" / "npm-peers"
LETTERS = (
    "NGUYỄN Văn Ánh đột quỵ não — ượng ỡ ể",
    "مريض سكتة دماغية \u200f\u202e",
    "חולה שבץ",
    "患者 脳卒中 뇌졸중",
    "🧠🚑👩\u200d⚕️",
    "|^~\\&#",
    "".join(map(chr, range(32))) + "\x7f",
    "\u0301\u0323e\u0302",
    "\\F\\ \\.br\\ \\X0D\\ \\E\\ \\Z1\\ \\H\\",
    "0123456789 abc<>'\"",
    "\ufeff\u2028\u00a0\ufffd\U0010fffd",
)
FIELDS = 20
LONGEST = 60


def random_text(chance: random.Random) -> str:
    """One text, of letters of some of the kinds."""
    kinds = chance.sample(LETTERS, chance.randint(1, 4))
    pool = "".join(kinds)
    whole = [chance.choice(kinds)] if chance.random() < 0.2 else []
    letters = [chance.choice(pool) for _ in range(chance.randint(0, LONGEST))]
    return "".join([*letters, *whole])


def random_rows(count: int, seed: int) -> list[list[str]]:
    """Rows of `FIELDS` texts."""
    chance = random.Random(seed)
    texts = [random_text(chance) for _ in range(count)]
    return [texts[at : at + FIELDS] for at in range(0, count, FIELDS)]


def read_by_hl7(message: str) -> list[str]:
    """The fields of the message's ZTX as the package ``hl7`` reads them: its segments, fields and escapes."""
    parsed = hl7.parse(message)
    found = parsed.segment("ZTX")
    return [parsed.unescape(str(found[place])) for place in range(1, FIELDS + 1)]


READER = """
const { Message } = require('node-hl7-client');
let given = '';
process.stdin.on('data', (chunk) => (given += chunk)).on('end', () => {
  const rows = JSON.parse(given).map((text) => {
    const message = new Message({ text });
    return Array.from({ length: 20 }, (_, place) => message.get(`ZTX.${place + 1}.1`).toString());
  });
  process.stdout.write(JSON.stringify(rows));
});
"""
"""node-hl7-client reads the fields of ZTX."""

WRITER = """
const { Message } = require('node-hl7-client');
let given = '';
process.stdin.on('data', (chunk) => (given += chunk)).on('end', () => {
  const written = JSON.parse(given).map((texts) => {
    const message = new Message({ text: 'MSH|^~\\\\&|A|B|C|D|2026||ORM^O01|1|P|2.5.1||||||UNICODE UTF-8' });
    message.addSegment('ZTX');
    texts.forEach((text, place) => message.set(`ZTX.${place + 1}.1`, text));
    message.addSegment('ZZZ');
    message.set('ZZZ.1', '1');
    return message.toString();
  });
  process.stdout.write(JSON.stringify(written));
});
"""
"""node-hl7-client writes them."""


def has_node() -> bool:
    """Whether the program and its package are installed."""
    return shutil.which("node") is not None and (PEERS / "node_modules" / "node-hl7-client").is_dir()


def run_node(script: str, given: object) -> Any:
    """Run a script on the packages; values go in and come out as JSON."""
    done = subprocess.run(
        ["node", "-e", script],
        input=json.dumps(given).encode(),
        cwd=PEERS,
        capture_output=True,
        check=True,
        timeout=300,
    )
    return json.loads(done.stdout)


def composed(row: Sequence[str], number: int) -> str:
    """A message whose ZTX has these texts, written as the gateway writes."""
    header = {
        1: DELIMITERS,
        2: "GW",
        6: "20261122",
        8: "ORU^R01^ORU_R01",
        9: str(number),
        11: "2.5.1",
        17: "UNICODE UTF-8",
    }
    texts = dict(enumerate(map(escaped, row), start=1))
    return message([segment("MSH", header), segment("ZTX", {**texts, FIELDS + 1: "."}), "ZZZ|1"])


def read_by_us(raw: str) -> list[str]:
    """The same fields as the gateway reads them."""
    found = read(raw.encode()).first("ZTX")
    fields = (found.repetitions(place) for place in range(1, FIELDS + 1))
    return [field[0].exact() if field else "" for field in fields]


def changed(rows: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> int:
    """How many texts are not what they were."""
    pairs = zip(rows, found, strict=True)
    return sum(text != other for row, again in pairs for text, other in zip(row, again, strict=True))


def without_line_ends(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """What a writer that escapes delimiters only can carry: no control characters, nothing but blanks neither."""
    table = dict.fromkeys((*range(32), 127), None)
    return [["a" + text.translate(table) + "z" for text in row] for row in rows]
