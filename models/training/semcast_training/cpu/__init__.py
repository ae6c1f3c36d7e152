"""Forms of a bundle's graphs that are faster on a CPU."""
