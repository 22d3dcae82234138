"""Days, hours and how long ago something was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from gateway.console.wording import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from gateway.ledger.records import moment_of
from viewer_bridge.report.wording.language import Language

Seven = tuple[str, str, str, str, str, str, str]
Twelve = tuple[str, str, str, str, str, str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Moments:
    """How one says when; weekdays begin with Monday."""

    weekdays: Seven
    short_weekdays: Seven
    months: Twelve
    day_form: str
    day_of_week_form: str
    date_form: str
    week_form: str
    tomorrow: str
    day_and_hour: str
    between: str
    until: str
    now_until: str
    duty: str
    just_now: str
    minutes: str
    hours: str
    days: str

    def day(self, day: date) -> str:
        """A day in a few words.

        >>> MOMENTS[Language.ENGLISH].day(date(2026, 11, 3)), MOMENTS[Language.FRENCH].day(date(2026, 11, 3))
        ('Tue 3 Nov', 'mar. 3 nov.')
        """
        return self.day_form.format(weekday=self._short(day), day=day.day, month=self.months[day.month - 1])

    def day_of_week(self, day: date) -> str:
        """A day below its week.

        >>> MOMENTS[Language.FRENCH].day_of_week(date(2026, 11, 3))
        'mar. 3'
        """
        return self.day_of_week_form.format(weekday=self._short(day), day=day.day)

    def any_date(self, day: date) -> str:
        """A day of any year.

        >>> [MOMENTS[language].any_date(date(2026, 11, 3)) for language in Language]
        ['3/11/2026', '3 Nov 2026', '3 nov. 2026']
        """
        return self.date_form.format(day=day.day, month=self.months[day.month - 1], year=day.year)

    def week(self, first: date, last: date) -> str:
        """A week from its first to its last day.

        >>> MOMENTS[Language.FRENCH].week(date(2026, 11, 23), date(2026, 11, 29))
        'Du lun. 23 nov. au dim. 29 nov. 2026'
        """
        return self.week_form.format(first=self.day(first), last=self.day(last), year=last.year)

    def ago(self, at: str, now: datetime) -> str:
        """How long ago a moment of the ledger was; the page's script says it the same way.

        >>> MOMENTS[Language.FRENCH].ago("2026-01-01T00:00:00.000000Z", moment_of("2026-01-01T00:05:10.000000Z"))
        'il y a 5 min'
        """
        seconds = (now - moment_of(at)).total_seconds()
        steps = (
            (SECONDS_PER_DAY, self.days),
            (SECONDS_PER_HOUR, self.hours),
            (SECONDS_PER_MINUTE, self.minutes),
        )
        found = (form.format(n=int(seconds // size)) for size, form in steps if seconds >= size)
        return next(found, self.just_now)

    @property
    def scripted(self) -> dict[str, str]:
        """What the page's script says anew as time goes by."""
        return {"just_now": self.just_now, "min": self.minutes, "h": self.hours, "d": self.days}

    def _short(self, day: date) -> str:
        return self.short_weekdays[day.weekday()]


MOMENTS: Mapping[Language, Moments] = {
    Language.VIETNAMESE: Moments(
        weekdays=("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
        short_weekdays=("T2", "T3", "T4", "T5", "T6", "T7", "CN"),
        months=("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"),
        day_form="{weekday}\u00a0{day}/{month}",
        day_of_week_form="{weekday} {day}",
        date_form="{day}/{month}/{year}",
        week_form="{first} đến {last}/{year}",
        tomorrow="{hour} ngày mai",
        day_and_hour="{hour} {day}",
        between="{first} đến {last}",
        until="đến {time}",
        now_until="Đang trực, đến {time}",
        duty="{day}, {first} đến {last}",
        just_now="vừa xong",
        minutes="{n} phút trước",
        hours="{n} giờ trước",
        days="{n} ngày trước",
    ),
    Language.ENGLISH: Moments(
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        short_weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        day_form="{weekday} {day} {month}",
        day_of_week_form="{weekday} {day}",
        date_form="{day} {month} {year}",
        week_form="{first} to {last} {year}",
        tomorrow="tomorrow {hour}",
        day_and_hour="{day} {hour}",
        between="{first} to {last}",
        until="until {time}",
        now_until="now, until {time}",
        duty="{day}, {first} to {last}",
        just_now="just now",
        minutes="{n} min ago",
        hours="{n} h ago",
        days="{n} d ago",
    ),
    Language.FRENCH: Moments(
        weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        short_weekdays=("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
        months=(
            "janv.",
            "févr.",
            "mars",
            "avr.",
            "mai",
            "juin",
            "juil.",
            "août",
            "sept.",
            "oct.",
            "nov.",
            "déc.",
        ),
        day_form="{weekday} {day} {month}",
        day_of_week_form="{weekday} {day}",
        date_form="{day} {month} {year}",
        week_form="Du {first} au {last} {year}",
        tomorrow="demain {hour}",
        day_and_hour="{day} {hour}",
        between="{first} à {last}",
        until="jusqu’à {time}",
        now_until="en cours, jusqu’à {time}",
        duty="{day}, {first} à {last}",
        just_now="à l’instant",
        minutes="il y a {n} min",
        hours="il y a {n} h",
        days="il y a {n} j",
    ),
}
