"""Benchmarks: tricast beside nchan and a floor, in one run on one machine."""
