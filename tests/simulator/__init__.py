"""Format-true Sentinel-2 and Landsat products of a made-up land surface whose true reflectance is known everywhere.

SIMULATE.md says what is modelled and what is not. From Python: `simulator.sentinel2.render`,
`simulator.landsat.render`, `simulator.scenarios`; from the shell: ``python tests/simulator --help``.
"""
