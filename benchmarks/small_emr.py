"""A small medical record that receives HL7 v2 over MLLP: ``python -m benchmarks.small_emr FOLDER [--port N]``.

Each message is on disk before it is acknowledged; a message that comes twice is acknowledged twice and kept once.
It can be told to refuse its first messages or to stay silent, which is how a record behaves on a bad day.
"""

import argparse
import asyncio
import hashlib
import os
import signal
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import hl7
from hl7.mllp import HL7StreamReader, HL7StreamWriter, InvalidBlockError, start_hl7_server

LARGEST_MESSAGE_BYTES = 64 << 20
"""A report may carry a PDF; the library's own limit of 64 KiB is too small."""


class SmallEmr:
    """One receiver on loopback, running for the length of a with-block; without a folder it keeps a temporary one.

    The first `refuse_first` messages are answered with `refusal`, an acknowledgement code and, optionally, an
    error condition such as ``AE 207``; `silent` means no answer at all. Both may be changed at any time.
    """

    def __init__(
        self,
        folder: Path | None = None,
        port: int = 0,
        *,
        refuse_first: int = 0,
        refusal: str = "AE",
        silent: bool = False,
    ) -> None:
        self.port, self.refuse_first, self.refusal, self.silent = port, refuse_first, refusal, silent
        self.attempts = 0
        self._temporary = TemporaryDirectory(prefix="small-emr-") if folder is None else None
        self.folder = Path(self._temporary.name) if folder is None else folder
        self._connections: set[HL7StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="small-emr")
        self._server: asyncio.Server | None = None

    @property
    def messages(self) -> list[str]:
        """Messages kept so far, in the order of their arrival."""
        kept = sorted(self.folder.glob("*.hl7"), key=lambda file: file.stat().st_mtime_ns)
        return [file.read_bytes().decode("utf-8") for file in kept]

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        if self._temporary:
            self._temporary.cleanup()

    async def _listen(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = await start_hl7_server(
            self._serve, "127.0.0.1", self.port, limit=LARGEST_MESSAGE_BYTES, encoding="utf-8"
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for writer in list(self._connections):
            writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
        """Answer the messages of one connection until the sender closes it."""
        self._connections.add(writer)
        try:
            while True:
                message = await reader.readmessage()
                self.attempts += 1
                if not self.silent:
                    writer.writeblock(self._answer(message).encode("utf-8"))
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except (InvalidBlockError, hl7.ParseException, ValueError) as error:
            print(f"unreadable block: {type(error).__name__}", flush=True)
        finally:
            self._connections.discard(writer)
            writer.close()

    def _answer(self, message: hl7.Message) -> str:
        if self.attempts > self.refuse_first:
            keep(self.folder, str(message.segment("MSH")(10)), str(message))
            return str(message.create_ack("AA"))
        code, *condition = self.refusal.split()
        answer = str(message.create_ack(code))
        return answer + "".join(f"ERR||PID^1^3|{value}|E\r" for value in condition)


def keep(folder: Path, control_id: str, message: str) -> None:
    """Write a message to disk, once; file names are digests, so nobody's data is in one."""
    target = folder / f"{hashlib.sha256(control_id.encode()).hexdigest()[:20]}.hl7"
    if target.exists():
        return
    part = target.with_suffix(".part")
    with part.open("wb") as stream:
        stream.write(message.encode("utf-8"))
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(target)
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def main() -> None:
    """Listen until interrupted."""
    # Blocked before the thread starts, so that only `sigwait` takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--refuse-first", type=int, default=0, metavar="N", help="refuse the first N messages"
    )
    parser.add_argument("--refusal", default="AE", help='such as "AE" or "AE 207"')
    parser.add_argument("--silent", action="store_true", help="never answer")
    options = parser.parse_args()
    emr = SmallEmr(
        options.folder,
        options.port,
        refuse_first=options.refuse_first,
        refusal=options.refusal,
        silent=options.silent,
    )
    with emr:
        print(f"small EMR: mllp://127.0.0.1:{emr.port} into {emr.folder}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
