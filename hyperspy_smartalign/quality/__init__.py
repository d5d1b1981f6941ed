"""How good an alignment is: noise, error bars, hops."""

from .noise import NoiseModel, ResidualBins, fit_noise

__all__ = ["NoiseModel", "ResidualBins", "fit_noise"]
