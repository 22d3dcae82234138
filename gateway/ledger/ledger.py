"""The ledger as one value: open it once per process and pass it down."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.ledger.accesses import Accesses
from gateway.ledger.announcements import Announcements
from gateway.ledger.arrivals import Arrivals
from gateway.ledger.availability import Availabilities
from gateway.ledger.calls import Calls
from gateway.ledger.cases import Cases
from gateway.ledger.commitments import Commitments
from gateway.ledger.credentials import Credentials
from gateway.ledger.deliveries import Deliveries
from gateway.ledger.handovers import Handovers
from gateway.ledger.holdings import Holdings
from gateway.ledger.judgements import Judgements
from gateway.ledger.letters import Letters
from gateway.ledger.orders import Orders
from gateway.ledger.people import People
from gateway.ledger.performed import PerformedSteps
from gateway.ledger.rota import RotaPlan
from gateway.ledger.schema import open_engine
from gateway.ledger.sessions import Sessions
from gateway.ledger.sessions_attempts import Attempts
from gateway.ledger.sessions_words import Words
from gateway.ledger.sharing import Sharing
from gateway.ledger.signoffs import SignOffs
from gateway.ledger.sources import Sources
from gateway.ledger.sources_health import Health
from gateway.ledger.sources_phantoms import Phantoms
from gateway.ledger.statements import rows
from gateway.ledger.thread import Thread
from gateway.ledger.troubles import Troubles
from triage.errors import ConfigError, TemporaryError


@dataclass(frozen=True, slots=True)
class Ledger:
    """Arrivals, cases, deliveries, the bytes behind the arrivals and who relies on them, of one site."""

    engine: Engine
    arrivals: Arrivals
    cases: Cases
    deliveries: Deliveries
    holdings: Holdings
    commitments: Commitments
    announcements: Announcements
    handovers: Handovers
    letters: Letters
    orders: Orders
    performed: PerformedSteps
    availability: Availabilities
    signoffs: SignOffs
    sharing: Sharing
    people: People
    rota: RotaPlan
    thread: Thread
    calls: Calls
    accesses: Accesses
    credentials: Credentials
    sessions: Sessions
    attempts: Attempts
    words: Words
    judgements: Judgements
    troubles: Troubles
    sources: Sources
    phantoms: Phantoms
    health: Health

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database, creating its tables where they do not exist.

        Raises
        ------
        ConfigError
            The database cannot be opened.
        """
        try:
            engine = open_engine(url)
        except SQLAlchemyError as exc:
            raise ConfigError(
                f"database.url: cannot open the ledger ({type(exc).__name__}); check the address and its rights"
            ) from exc
        return cls(
            engine,
            Arrivals(engine),
            Cases(engine),
            Deliveries(engine),
            Holdings(engine),
            Commitments(engine),
            Announcements(engine),
            Handovers(engine),
            Letters(engine),
            Orders(engine),
            PerformedSteps(engine),
            Availabilities(engine),
            SignOffs(engine),
            Sharing(engine),
            People(engine),
            RotaPlan(engine),
            Thread(engine),
            Calls(engine),
            Accesses(engine),
            Credentials(engine),
            Sessions(engine),
            Attempts(engine),
            Words(engine),
            Judgements(engine),
            Troubles(engine),
            Sources(engine),
            Phantoms(engine),
            Health(engine),
        )

    def check(self) -> None:
        """Touch the database.

        Raises
        ------
        TemporaryError
            It does not answer.
        """
        try:
            rows(self.engine, text("SELECT 1"))
        except SQLAlchemyError as exc:
            raise TemporaryError(f"the ledger does not answer ({type(exc).__name__})") from exc
