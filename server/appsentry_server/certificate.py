"""The certificate that the server shows, read anew when its files change."""

import logging
import ssl
from pathlib import Path

from appsentry_contract.errors import AppSentryError
from appsentry_server.clock import Clock
from appsentry_server.configuration.model import TlsSettings
from appsentry_server.private import TooOpen, check_private

_LOOK_EVERY_S = 1.0

_log = logging.getLogger(__name__)


class CertificateRefused(AppSentryError, ValueError):
    """The certificate and the key cannot be used."""


class Certificate:
    """A certificate with its key. Raises `CertificateRefused` or `TooOpen` when they cannot be used."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._seen = self._marks()
        self.context = self._loaded()

    async def follow(self, clock: Clock) -> None:
        """Show a changed certificate to whoever connects from then on; for ever."""
        changed = self._seen
        while True:
            await clock.sleep(_LOOK_EVERY_S)
            before, changed = changed, self._marks()
            # Two files are seldom changed at once: they are read when they have been the same for two looks.
            if changed != self._seen and changed == before:
                self._seen = changed
                self._take_up()

    def _take_up(self) -> None:
        try:
            # Tried on a context of its own: half a pair would spoil the one that is in use.
            self._loaded()
            self.context.load_cert_chain(self._settings.certificate, self._settings.key)
        except (CertificateRefused, TooOpen, OSError) as error:
            _log.error("the new certificate is bad and the one before stays in use: %s", error)
        else:
            _log.info("the certificate %s is in use", self._settings.certificate)

    def _loaded(self) -> ssl.SSLContext:
        settings = self._settings
        check_private(settings.key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # A key with a pass phrase must not make the server ask for it on a terminal.
            context.load_cert_chain(settings.certificate, settings.key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise CertificateRefused(
                f"the certificate {settings.certificate} with the key {settings.key} cannot be used: {error}; "
                "give PEM files that belong together, the key without a pass phrase"
            ) from error
        return context

    def _marks(self) -> tuple[tuple[int, int, int] | None, ...]:
        return _mark(self._settings.certificate), _mark(self._settings.key)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
