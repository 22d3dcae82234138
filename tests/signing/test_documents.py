"""The bytes of a report are kept once, whoever is killed or comes at the same time."""

import json
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

from gateway.signing import documents
from gateway.signing.documents import PUBLISHED, SIGNED_OFF, Level, Seal

SEAL = Seal(Level.BASIC, "Bệnh viện", "2026-01-01T00:00:00.000000Z", ("the time is this machine's",))


def test_what_is_kept_first_stands(tmp_path):
    assert documents.newest(tmp_path) is None
    first = documents.keep(tmp_path, PUBLISHED, b"first", SEAL)
    assert (first.pdf, first.seal) == (b"first", SEAL)
    assert documents.keep(tmp_path, PUBLISHED, b"second", Seal(Level.NONE)) == first
    documents.keep(tmp_path, SIGNED_OFF, b"first and more", SEAL)
    assert documents.newest(tmp_path).number == SIGNED_OFF
    assert documents.report_of(tmp_path.parent, tmp_path.name, 1) is None
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_many_at_once_agree_on_one(tmp_path):
    child = textwrap.dedent("""
        import sys, json
        from pathlib import Path
        from gateway.signing import documents
        from gateway.signing.documents import Level, Seal
        kept = documents.keep(Path(sys.argv[1]), 1, sys.argv[2].encode() * 100_000, Seal(Level.NONE))
        print(json.dumps(kept.pdf[:1].decode()))
    """)

    def keep(letter):
        done = subprocess.run(
            [sys.executable, "-c", child, tmp_path, letter], capture_output=True, check=True, timeout=60
        )
        return json.loads(done.stdout)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(keep, "ABCD"))) == 1
    assert len(set(documents.issue(tmp_path, PUBLISHED).pdf)) == 1


def test_a_kill_while_keeping_leaves_nothing_or_all(tmp_path):
    child = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from gateway.signing import documents
        from gateway.signing.documents import Level, Seal
        step, rename = os.fsync, Path.rename
        def die(*_): os.kill(os.getpid(), signal.SIGKILL)
        if sys.argv[2] == "before": Path.rename = die
        else: Path.rename = lambda self, target: (rename(self, target), die())
        documents.keep(Path(sys.argv[1]), 1, b"whole", Seal(Level.NONE))
    """)
    for when in ("before", "after"):
        folder = tmp_path / when
        folder.mkdir()
        done = subprocess.run([sys.executable, "-c", child, folder, when], check=False, timeout=60)
        assert done.returncode == -signal.SIGKILL
        found = documents.issue(folder, PUBLISHED)
        assert (found.pdf if found else None) == {"before": None, "after": b"whole"}[when]
        assert documents.keep(folder, PUBLISHED, b"again", SEAL).pdf == (
            b"again" if when == "before" else b"whole"
        )


def test_who_asks_for_signatures_imports_nothing_that_signs():
    heavy = "{'pyhanko', 'pkcs11'}"
    code = f"import sys, gateway.worker, gateway.api.app; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=120, text=True
    )
    assert done.stdout.strip() == "set()"
