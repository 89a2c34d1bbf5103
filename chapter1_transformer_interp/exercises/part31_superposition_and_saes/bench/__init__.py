"""A benchmark that takes your own autoencoder: `bench_saes({"mine": MySAE})`."""

from .entries import Entry
from .runs import Benchmark, bench_saes

__all__ = ["Benchmark", "Entry", "bench_saes"]
