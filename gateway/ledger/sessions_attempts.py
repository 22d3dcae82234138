"""How often somebody guessed wrong, known to every process of the site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select, update

from gateway.ledger.sessions_tables import attempts
from gateway.ledger.statements import insert_within, run, translated


@dataclass(frozen=True, slots=True)
class Attempt:
    """Wrong guesses in a row; the next is looked at from `next_s` on (seconds since the epoch)."""

    subject: str
    failures: int = 0
    last_s: float = 0.0
    next_s: float = 0.0


class Attempts:
    """Wrong guesses per subject; a subject is a digest, so that the table names nobody."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def change(
        self, subjects: Sequence[str], judge: Callable[[list[Attempt]], list[Attempt]]
    ) -> list[Attempt]:
        """Let `judge` say what is now true of subjects, nobody else changing them meanwhile; returns what was true before.

        Whoever sends many guesses at once has each of them counted before the next is judged.
        """
        with translated(), self._engine.begin() as connection:
            for subject in sorted(subjects):
                fresh = {"subject": subject, "failures": 0, "last_s": 0.0, "next_s": 0.0}
                insert_within(connection, attempts, fresh)
            held = select(attempts).where(attempts.c.subject.in_(subjects)).order_by(attempts.c.subject)
            rows = connection.execute(held.with_for_update()).mappings()
            found = {row["subject"]: Attempt(**row) for row in rows}
            before = [found[subject] for subject in subjects]
            for now in judge(before):
                values = {"failures": now.failures, "last_s": now.last_s, "next_s": now.next_s}
                mine = attempts.c.subject == now.subject
                connection.execute(update(attempts).where(mine).values(**values))
        return before

    def forget(self, subjects: Sequence[str]) -> None:
        """Somebody guessed right."""
        run(self._engine, delete(attempts).where(attempts.c.subject.in_(subjects)))

    def sweep(self, before_s: float) -> None:
        """Forget guesses that lie back further than a moment."""
        run(self._engine, delete(attempts).where(attempts.c.last_s < before_s))
