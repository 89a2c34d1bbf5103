"""A benchmark that takes your own autoencoder: `bench_saes({"mine": MySAE})`."""

from .runs import Benchmark, bench_saes

__all__ = ["Benchmark", "bench_saes"]
