"""The site's configuration: one TOML file, overridden by the environment, validated before anything starts.

``STROKE_GATEWAY__SECTION__KEY`` overrides ``key`` of ``[section]``; its value is read as TOML when it parses
as TOML and as text otherwise. An unknown key is an error that names it. There is no default secret.
"""

import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from gateway.alerts.settings import Alerts
from gateway.channels.settings import Channels
from gateway.emr.settings import Emr
from gateway.identity.settings import Identity
from gateway.listening import Dicom
from gateway.models_settings import ModelSettings
from gateway.orders.settings import Orders
from gateway.pacs.settings import Pacs
from gateway.ris.settings import Ris
from gateway.runs.settings import Runs
from gateway.section import HOME_ZONE, Hours, Port, Seconds, Section, Zone
from gateway.sharing.settings import Sharing
from gateway.signing.settings import Signing
from gateway.silence.settings import Silence
from gateway.statistics.settings import Statistics
from gateway.viewers import Viewer
from triage.errors import ConfigError
from viewer_bridge.report.wording.language import Language

ENVIRONMENT_PREFIX = "STROKE_GATEWAY__"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Site(Section):
    """Who we are and where our data lies."""

    name: str = "stroke-gateway"
    data_dir: Path = Path("stroke-gateway-data")
    time_zone: Zone = HOME_ZONE
    """By whose clock days and months of statistics begin, such as Asia/Ho_Chi_Minh."""


class Http(Section):
    """The API, the console and the viewer, on one origin."""

    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str = ""

    @property
    def base_url(self) -> str:
        """The address that links lead to, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class Database(Section):
    """Empty: SQLite files below the data directory. Several machines: a ``postgresql://`` URL."""

    url: str = ""


class Orthanc(Section):
    """Empty URL: the supervisor starts a private Orthanc on loopback."""

    url: str = ""
    username: str = ""
    password: str = Field(default="", repr=False)
    program: Path = Path("/usr/sbin/Orthanc")
    plugins: Path = Path("/usr/share/orthanc/plugins")


class Intake(Section):
    """When a study is taken to be complete."""

    quiet_s: Seconds = 20.0
    """Last resort: no further image for so long."""
    association_grace_s: Seconds = 2.0
    """After a regular grid and the end of its associations, when a sender opens several of them."""
    poll_s: Seconds = 0.2


class Storage(Section):
    """What is kept how long, how it is watched over, and on which disk it must lie."""

    require_mount: bool = False
    """Refuse to start unless ``site.data_dir`` lies on a mounted volume of its own."""
    comfort_free_bytes: Annotated[int, Field(ge=0)] = 20 * 1024**3
    """Below so much free space the oldest objects that the archive holds safely leave the spool."""
    keep_hours: Hours = 72.0
    """No object leaves the spool earlier, whatever the disk says."""
    longest_keep_hours: Hours | None = None
    """Objects that the archive holds safely leave the spool at this age, whatever the disk says."""
    second_sighting_after_hours: Hours = 24.0
    """The archive holds an object safely when it was seen there twice, so far apart."""
    look_every_s: Seconds = 10.0
    scrub_cycle_days: Annotated[float, Field(gt=0)] = 7.0
    """Every kept object is read again and compared with its digest once in so long."""
    scrub_bytes_per_s: Annotated[int, Field(ge=1)] = 20 * 1024**2
    """Never faster than this."""


class Worker(Section):
    """Workflows and analyses."""

    slot: str = Field(default_factory=lambda: f"{socket.gethostname()}-1", min_length=1)
    analysis_threads: Annotated[int, Field(ge=1)] = 2
    analysis_timeout_s: Seconds = 300.0


class Publish(Section):
    """What is written into the patient's study."""

    language: Language = Language.VIETNAMESE
    """Of the PDF report; the pages are in English."""
    regions: bool = False
    """Whether a second segmentation shows Tmax > 4, 8 and 10 s and the voxels of the curves."""


class Logging(Section):
    """Structured logs on stderr."""

    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"


class Config(Section):
    """Everything a site can set; each part of the program receives only its section."""

    site: Site = Site()
    dicom: Dicom = Dicom()
    http: Http = Http()
    database: Database = Database()
    orthanc: Orthanc = Orthanc()
    intake: Intake = Intake()
    storage: Storage = Storage()
    worker: Worker = Field(default_factory=Worker)
    models: ModelSettings = ModelSettings()
    runs: Runs = Runs()
    alerts: Alerts = Alerts()
    channels: Channels = Channels()
    emr: Emr = Emr()
    orders: Orders = Orders()
    pacs: Pacs = Pacs()
    ris: Ris = Ris()
    publish: Publish = Publish()
    sharing: Sharing = Sharing()
    signing: Signing = Signing()
    silence: Silence = Silence()
    statistics: Statistics = Statistics()
    viewer: Viewer = Viewer()
    identity: Identity = Identity()
    logging: Logging = Logging()

    @model_validator(mode="before")
    @classmethod
    def _one_clock(cls, plain: Any) -> Any:
        """Senders of orders keep the site's clock unless their section says another."""
        zone = plain.get("site", {}).get("time_zone") if isinstance(plain, dict) else None
        if not zone or not isinstance(plain.get("orders", {}), dict):
            return plain
        return {**plain, "orders": {"time_zone": zone, **plain.get("orders", {})}}

    @property
    def ledger_url(self) -> str:
        """Where cases, arrivals and deliveries are kept."""
        return self.database.url or f"sqlite:///{self.site.data_dir.resolve() / 'ledger.db'}"

    @property
    def engine_url(self) -> str:
        """Where the workflow engine keeps its journal."""
        return self.database.url or f"sqlite:///{self.site.data_dir.resolve() / 'engine.db'}"

    @property
    def spool_dir(self) -> Path:
        """Received objects, byte for byte."""
        return self.site.data_dir / "spool"

    @property
    def cases_dir(self) -> Path:
        """One folder per case and revision."""
        return self.site.data_dir / "cases"


def _value(text: str) -> Any:
    """Read one environment value as TOML, else as text.

    >>> _value("5"), _value('["A", "B"]'), _value("plain")
    (5, ['A', 'B'], 'plain')
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _override(plain: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Lay ``STROKE_GATEWAY__SECTION__KEY`` variables over the file's tables."""
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *tables, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        table = plain
        for part in tables:
            table = table.setdefault(part, {})
        table[key] = _value(text)
    return plain


def _sentence(error: ValidationError) -> str:
    said = {"extra_forbidden": "unknown key"}
    return "; ".join(
        f"{'.'.join(map(str, e['loc']))}: {said.get(e['type'], e['msg'])}"
        for e in error.errors(include_input=False)
    )


def load(
    file: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None
) -> Config:
    """Read the configuration; `overrides` are the command line's, as ``{"section": {"key": value}}``.

    Raises
    ------
    ConfigError
        The file cannot be read or a key is unknown or wrong; the message names it.
    """
    try:
        plain = tomllib.loads(file.read_text("utf-8")) if file else {}
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"configuration {file}: {exc}") from exc
    plain = _override(plain, environment)
    for section, values in (overrides or {}).items():
        plain.setdefault(section, {}).update(values)
    try:
        return Config.model_validate(plain)
    except ValidationError as exc:
        raise ConfigError(f"configuration {file or '(defaults and environment)'}: {_sentence(exc)}") from exc
