"""Worklist and procedure steps as services of the listener, where they are switched on."""

from dicom_scp.services import Service
from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.ris.performed import StepProvider
from gateway.ris.worklist import WorklistProvider
from triage.errors import ConfigError


def services_of(config: Config, ledger: Ledger) -> list[Service]:
    """Services of the table ``[ris]``.

    Raises
    ------
    ConfigError
        One is switched on that nobody may use: a worklist names patients and is not for everybody.
    """
    found: list[Service] = []
    if config.ris.worklist:
        _require_somebody(config, "worklist", "worklist")
        only = {scanner.ae_title.strip(): scanner.character_set for scanner in config.ris.scanners}
        found.append(WorklistProvider(ledger.orders.worklist, config.orders.zone, only).service())
    if config.ris.performed_steps:
        _require_somebody(config, "performed_steps", "perform")
        found += StepProvider(ledger).services()
    return found


def _require_somebody(config: Config, switch: str, word: str) -> None:
    if not any(word in peer.may for peer in config.dicom.peers):
        raise ConfigError(f'ris.{switch}: nobody may use it; add may = ["store", "{word}"] to dicom.peers')
