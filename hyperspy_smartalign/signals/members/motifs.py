"""Members that search a motif and show what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.signals.motif.finding import FoundMotif


class Motifs:
    """Members that search a motif and show what was found."""

    __slots__ = ()
    _signal: BaseSignal

    def find_motif(
        self,
        template: Any,
        *,
        search: str = "auto",
        source: BaseSignal | None = None,
        show_progressbar: bool | None = None,
        num_workers: int | None = None,
        **keywords: Any,
    ) -> FoundMotif:
        """Search a motif, and look at the candidates before tiles are cut out.

        Parameters
        ----------
        template, search, source, show_progressbar, num_workers, **keywords
            As those of `hyperspy_smartalign.template_match`.

        Returns
        -------
        FoundMotif
            The candidates, with their scores; ``found.with_threshold(0.6).tiles()`` cuts out those
            that reach a threshold.

        Raises
        ------
        TypeError, ValueError, NotImplementedError
            As `hyperspy_smartalign.template_match`.
        """
        from hyperspy_smartalign.signals.motif import finding

        return finding.find_motif_of(
            self._signal,
            template,
            search=search,
            source=source,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            **keywords,
        )
