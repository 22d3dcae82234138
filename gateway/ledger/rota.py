"""The rota: who is on duty by the week, and the exceptions."""

from dataclasses import asdict
from datetime import date

from sqlalchemy import Engine, RowMapping, delete, select

from gateway.ledger.people import People
from gateway.ledger.rota_tables import shifts, swaps
from gateway.ledger.statements import insert_once, rows, run
from gateway.team.people import Role
from gateway.team.rota import Rota, Shift, Swap


class RotaPlan:
    """The plan of one site."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._people = People(engine)

    def read(self) -> Rota:
        """The plan that counts: whoever is not active, or no longer has the role, leaves a hole in it."""
        return self.written().counting(self._people.all())

    def written(self) -> Rota:
        """The plan as it was written, with those who no longer count; swaps as they were made."""
        weekly = rows(self._engine, select(shifts).order_by(shifts.c.weekday, shifts.c.starts, shifts.c.id))
        exceptions = rows(self._engine, select(swaps).order_by(swaps.c.number))
        return Rota(tuple(_shift(row) for row in weekly), tuple(_swap(row) for row in exceptions))

    def add_shift(self, shift: Shift) -> None:
        """Put a shift into the weekly pattern; the same one twice is one."""
        days = {name: day and day.isoformat() for name, day in _days(shift).items()}
        insert_once(self._engine, shifts, {**asdict(shift), "role": shift.role.value, **days})

    def drop_shift(self, shift_id: str) -> bool:
        """Take a shift out; whether it was there."""
        return run(self._engine, delete(shifts).where(shifts.c.id == shift_id)) > 0

    def add_swap(self, swap: Swap) -> None:
        """Write down an exception, which wins over all that were made before."""
        insert_once(self._engine, swaps, {**asdict(swap), "role": swap.role.value})

    def drop_swap(self, swap_id: str) -> bool:
        """Take an exception back; whether it was there."""
        return run(self._engine, delete(swaps).where(swaps.c.id == swap_id)) > 0


def _days(shift: Shift) -> dict[str, date | None]:
    return {"from_day": shift.from_day, "until_day": shift.until_day}


def _shift(row: RowMapping) -> Shift:
    days = {name: row[name] and date.fromisoformat(row[name]) for name in ("from_day", "until_day")}
    return Shift(**{**row, "role": Role(row["role"]), **days})


def _swap(row: RowMapping) -> Swap:
    kept = {name: value for name, value in row.items() if name != "number"}
    return Swap(**{**kept, "role": Role(row["role"])})
